import type { FastifyInstance } from 'fastify'

/** Plugins that run a host's middleware in an `onRequest` hook, where it may answer. */
const RUN_MIDDLEWARE = ['@fastify/middie', '@fastify/express']

/** Hooks of plugins that were registered earlier run first, so no guard sees what they answer. */
export function warnOfEarlierPlugins (app: FastifyInstance): void {
  for (const name of RUN_MIDDLEWARE) {
    if (!app.hasPlugin(name)) continue
    app.log.warn(`${name} was registered before Latchkey: what its middleware answers is not guarded; ` +
      'register it after Latchkey')
  }
}
