import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createAuthentication } from './auth/index.js'
import { createAccessContext, offer } from './core/access-context.js'
import { createHook } from './core/step.js'
import { createEvents } from './events/index.js'
import { createKeys } from './keys/index.js'
import { createLimiting } from './limits/index.js'
import { createOpenApi } from './openapi/index.js'
import { readLatchkeyOptions, type LatchkeyOptions } from './latchkey-options.js'
import { createAuthorization } from './scopes/index.js'

/**
 * The whole access layer of an API in one plugin: every request of the context is authenticated, counted and checked
 * for scopes by what its route declares in `schema.security`.
 *
 * ```ts
 * const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
 * await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } })
 * app.get('/devices', { schema: scopes.secure('devices:read') }, listDevices)
 * ```
 *
 * @throws OptionError at boot, naming the option and the fix; `app.ready()` rejects with one that names the routes
 * that declare nothing, or something that can't be met
 */
export const latchkey = fp<LatchkeyOptions>(async function latchkey (app: FastifyInstance, options: LatchkeyOptions) {
  const { access, authentication, keys, limits, scopes, events: eventsOptions, hook, resolvers } = readLatchkeyOptions(app, options)
  const context = createAccessContext(app, access)
  const events = eventsOptions === false ? undefined : createEvents(eventsOptions, { app, context })
  const keyring = keys === false ? undefined : createKeys(keys, { app, context, scopes, events, limits })
  const schemes = [...resolvers, ...keyring === undefined ? [] : [keyring.resolver]].sort(anyFormLast)

  const steps = createAuthentication(app, context, { ...authentication, resolvers: schemes, events })
  if (limits !== false) steps.push(createLimiting(app, context, limits, events))
  const checks = [createAuthorization(app, context, { scopes, schemes }), ...keyring?.steps ?? []]
  if (hook === 'preHandler') {
    app.addHook('onRequest', createHook(context, steps))
    app.addHook('preHandler', createHook(context, checks))
  } else {
    app.addHook('onRequest', createHook(context, [...steps, ...checks]))
  }
  createOpenApi(app, context, { scopes, schemes })
}, { name: 'fastify-latchkey', fastify: '5.x || 6.x' })
