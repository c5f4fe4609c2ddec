import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createAuthentication, type AuthOptions, type Resolver } from './auth/index.js'
import { createAccessContext } from './core/access-context.js'
import { createAdmitStep } from './core/admit.js'
import { createHook, type Step } from './core/step.js'
import { writeLog } from './core/write-log.js'
import { addEvents, createEvents, type Emitter } from './events/index.js'
import { addKeys, createKeys, type Keyring } from './keys/index.js'
import { checkEnvironments, checkLatchkeyOptions, type LatchkeyOptions } from './latchkey-options.js'
import { createLimiting } from './limits/index.js'
import { createOpenApi } from './openapi/index.js'
import { createAuthorization } from './scopes/index.js'
import { addUsage, createUsage, type UsageOptions } from './usage/index.js'

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
  checkLatchkeyOptions(options)
  const { scopes, resolvers = [], limits = {}, hook = 'onRequest' } = options
  const events = options.events === false ? undefined : createEvents(options.events ?? {}, logsOf(app))
  const keyring = createKeyring(app, options, events)
  checkEnvironments(options, keyring?.environments ?? [])
  const schemes = [...resolvers, ...keyring === undefined ? [] : [keyring.resolver]].sort(anyFormLast)

  const { errors, undeclared, unknownPaths, rateLimitFields, realm, clock } = options
  const contextOptions = { errors, undeclared, unknownPaths, rateLimitFields, realm, clock }
  const context = createAccessContext(app, { ...contextOptions, byMethod: scopes.byMethod })
  const { environment, transport, credentials, deadline, failures } = options
  const auth: AuthOptions = { resolvers: schemes, environment, transport, credentials, deadline, failures, events }

  // What a request passes, in this order.
  const steps: Step[] = createAuthentication(app, context, auth) // transport, authenticate
  if (limits !== false) steps.push(createLimiting(app, context, limits, events)) // limit
  const checks: Step[] = [createAuthorization(app, context, { scopes, schemes })] // authorize
  if (keyring !== undefined) checks.push(keyring.createUsageStep(schemes)) // record use
  checks.push(createAdmitStep(context)) // admit

  if (hook === 'onRequest') {
    app.addHook('onRequest', createHook(context, [...steps, ...checks]))
  } else {
    app.addHook('onRequest', createHook(context, steps))
    app.addHook('preHandler', createHook(context, checks))
  }

  if (keyring !== undefined) addKeys(app, keyring)
  if (events !== undefined) addEvents(app, events)
  if (options.usage !== undefined) addUsageOf(app, options.usage, options, events)
  createOpenApi(app, context, { scopes, schemes, limits })
}, { name: 'fastify-latchkey', fastify: '5.x || 6.x' })

const NO_STORE = 'keys.store is left out: keys live in this process\'s memory, and are gone when it ends; ' +
  'write a store, such as createPostgresKeyStore(), or createMemoryKeyStore() where that is meant'

const COUNTERS_APART = 'limits.store is left out, and processes share keys.store: each process counts requests for ' +
  'itself, so callers get a multiple of their quotas; write a store, such as createRedisLimitStore(), ' +
  'or createMemoryLimitStore() where there is one process'

function createKeyring (
  app: FastifyInstance, options: LatchkeyOptions, events: Emitter | undefined
): Keyring | undefined {
  const { keys, scopes, clock = Date.now, realm, credentials, deadline = 1, limits } = options
  if (keys === false) return undefined
  if (keys.store === undefined) app.log.warn(NO_STORE)
  const counters = limits === false ? undefined : limits?.store
  if (keys.store?.shared === true && limits !== false && counters === undefined) app.log.warn(COUNTERS_APART)
  return createKeys(keys, {
    clock,
    scopes: scopes.names,
    expand: scopes.expand,
    realm,
    credentials,
    deadline,
    publishVersion: counters?.publishVersion?.bind(counters),
    events,
    ...logsOf(app)
  })
}

const NO_USAGE_STORE = 'usage.store is left out: counts of requests live in this process\'s memory, and are gone ' +
  'when it ends; write a store, such as createPostgresUsageStore(), or createMemoryUsageStore() where that is meant'

function addUsageOf (
  app: FastifyInstance, usage: UsageOptions, options: LatchkeyOptions, events: Emitter | undefined
): void {
  const { clock = Date.now, deadline = 1 } = options
  if (usage.store === undefined) app.log.warn(NO_USAGE_STORE)
  addUsage(app, createUsage(usage, { clock, deadline, events, ...logsOf(app) }))
}

function logsOf (app: FastifyInstance) {
  return {
    log: (reason: string, message: string): void => writeLog(() => app.log.error({ reason }, message), message),
    inform: (message: string, entry: object = {}): void => writeLog(() => app.log.info(entry, message), message)
  }
}

/** A secret must not be shown to a resolver that takes any text for a token, such as an introspection endpoint. */
function anyFormLast (one: Resolver, other: Resolver): number {
  return Number(one.anyForm === true) - Number(other.anyForm === true)
}
