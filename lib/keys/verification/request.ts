import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { createPermissions, type Permissions, type PermissionsOf } from '../../auth/index.js'
import { describeFault } from '../../core/errors.js'
import { contextOf } from '../../core/access-context.js'
import { OptionError, withMethods } from '../../core/options.js'
import type { Principal } from '../../core/principal.js'
import type { Clock } from '../../core/clock.js'
import { createRecordCache, type RecordCache } from './record-cache.js'
import type { KeyChanges } from './change-bus.js'
import { createUsedScopes } from './used-scopes.js'
import { announceRetirement } from './rotation-grace.js'
import type { KeyStore } from '../store.js'
import { createUsageRecorder, type Log, type UsageRecorder } from './usage-recorder.js'

export interface RequestOptions {
  /**
   * What this process holds of a store that holds nothing itself: records, 10,000 by default, for `maxAge` seconds, 30
   * by default. On where something says that a key has changed: `changes`, or a limits store with markers; else off.
   */
  cache?: { maxRecords?: number | undefined, maxAge?: number | undefined, changes?: KeyChanges | undefined } | false | undefined
  /** Notes when keys and their scopes were last used, once in `interval` seconds at most; 60 by default, `false` for never. */
  recordUse?: boolean | { interval: number } | undefined
  /** What an owner may do in a workspace now: no key of that owner does more. Undefined or null: the owner is gone, and so are the keys. */
  permissionsOf?: PermissionsOf | undefined
  /** Seconds for which an answer of `permissionsOf` holds; 10 by default. */
  permissionsMaxAge?: number | undefined
}

export const requestOptions = {
  cache: Type.Optional(Type.Union([
    Type.Object({
      maxRecords: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
      maxAge: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600 })),
      changes: Type.Optional(withMethods(['publish', 'subscribe'], 'a bus: an object with publish and subscribe, such as createProcessChanges()'))
    }, { additionalProperties: false }),
    Type.Literal(false)
  ], { description: '{ maxRecords?, maxAge?, changes? } with records from 1 to 10,000,000, seconds above 0 and at most 3600 and a bus such as createProcessChanges(), or false' })),
  recordUse: Type.Optional(Type.Union([
    Type.Boolean(),
    Type.Object({ interval: Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }) }, { additionalProperties: false })
  ], { description: 'true, false or { interval } in seconds above 0 and at most 86400' })),
  permissionsOf: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of owner and workspace that answers scopes, or undefined when the owner is gone' })),
  permissionsMaxAge: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600' }))
}

export interface RequestDeps {
  readonly store: KeyStore
  readonly clock: Clock
  /** Seconds that the store, the bus and the host may take. */
  readonly deadline: number
  /** The limits store marks principals with their version. */
  readonly marked: boolean
  /** All scopes that scopes grant, with what they imply. */
  readonly expand: (scopes: readonly string[]) => readonly string[]
  /** Hears of every request whose secret was rotated away and still is valid. */
  readonly onRetiring?: ((principal: Principal) => void) | undefined
  readonly log: Log
}

/** What the keys of one host do while requests run, beside being found. */
export interface RequestSide {
  /** The store that is to be used from here on: with a record cache, where there is one. */
  readonly store: KeyStore
  /** Seconds for which this process may go on with what it holds of a key that was changed elsewhere. */
  readonly bound: number
  readonly permissions: Permissions | undefined
  readonly recorder: UsageRecorder | undefined
  readonly expand: RequestDeps['expand']
  readonly onRetiring: RequestDeps['onRetiring']
  /** Ends what holds on to something outside. */
  release (): void
}

/** @throws OptionError for a record cache that nothing would invalidate */
export function createRequestSide ({ cache, recordUse = true, permissionsOf, permissionsMaxAge: maxAge = 10 }: RequestOptions, parts: RequestDeps): RequestSide {
  const { clock, deadline, expand, onRetiring, log } = parts
  const records = createCache(cache, parts)
  const store = records ?? parts.store
  const interval = typeof recordUse === 'object' ? recordUse.interval : 60
  return {
    store,
    bound: records?.maxAge ?? 0,
    expand,
    onRetiring,
    permissions: permissionsOf && createPermissions({ permissionsOf, maxAge, expand, deadline, log }),
    recorder: recordUse === false ? undefined : createUsageRecorder({ store, clock, interval, deadline, log }),
    release: () => records?.release()
  }
}

/** A store that holds what it answers needs no other to do so. */
function createCache (cache: RequestOptions['cache'], { store, clock, deadline, marked, log }: RequestDeps): RecordCache | undefined {
  if (cache === false || store.recall !== undefined || (cache === undefined && !marked)) return undefined
  if (!marked && cache?.changes === undefined) {
    throw new OptionError('option keys.cache would go on with keys that were revoked elsewhere: nothing tells it of changes. Give it changes: createProcessChanges() where one process alone changes keys, or a limits.store with markers (the Redis one), or leave it out')
  }
  return createRecordCache(store, {
    ...cache,
    clock,
    deadline,
    onFault: (fault) => log(describeFault(fault), 'the bus of key changes could not be told of one')
  })
}

/** Hooks that run when the guard has let a request in; register after it. @param hook where scopes are checked */
export function addRequestHooks (app: FastifyInstance, { recorder, expand, onRetiring, release }: RequestSide, hook: 'onRequest' | 'preHandler'): void {
  const ground = contextOf(app)
  const ofKeys = new Set(app.latchkey.resolvers.filter(({ kind }) => kind === 'api-key').map(({ scheme }) => scheme))
  const needOf = createUsedScopes(expand, (scheme) => ofKeys.has(scheme))

  const early = hook === 'onRequest'

  /** A principal without a version was not made from a record. */
  function note (request: FastifyRequest, principal: Principal): void {
    if (recorder !== undefined && principal.kind === 'api-key' && principal.version !== undefined) recorder.note(principal, needOf(ground.accessOf(request), principal))
  }

  app.addHook('onRequest', function announceAndNote (request, reply, done) {
    const { principal } = request
    if (principal !== null) {
      if (announceRetirement(principal, reply)) onRetiring?.(principal)
      if (early) note(request, principal)
    }
    done()
  })
  if (!early) {
    app.addHook('preHandler', function noteUse (request, reply, done) {
      if (request.principal !== null) note(request, request.principal)
      done()
    })
  }
  app.addHook('onClose', async function closeKeys () {
    await recorder?.close()
    release()
  })
}
