/** The doors that no hook sees: what Fastify and Node answer, log or hand over by themselves. */
export { serverOptions } from './options.js'
export { loggerOptions } from './logging.js'
export { notFound } from './router.js'
export { routeUpgrades, upgradeOf, type Upgradable, type Upgrade } from './upgrade.js'
