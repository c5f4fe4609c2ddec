/**
 * `fastify-latchkey/server`: for what no hook sees: requests that Fastify or Node answers by itself, log lines, and
 * protocol upgrades.
 */

export { serverOptions } from './options.js'
export { loggerOptions } from './logging.js'
export { notFound } from './router.js'
export { routeUpgrades, upgradeOf, type Upgradable, type Upgrade } from './upgrade.js'
