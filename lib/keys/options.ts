import { Type } from '@sinclair/typebox'
import type { PermissionsOf } from '../auth/index.js'
import { accepted, withMethods } from '../core/options.js'
import type { ForeignFormat } from './import/foreign-format.js'
import type { KeyStore } from './store.js'
import type { KeyChanges } from './verification/change-bus.js'
import type { FieldsOf } from './verification/host-fields.js'

/** Options of API keys: `keys` of `latchkey`. */
export interface KeysOptions {
  /** How all secrets of this host begin: lower-case letters, digits and underscores, such as `acme`. */
  prefix: string
  /** Tag in the secret → environment; `{ live: 'production', test: 'sandbox' }` by default. */
  tags?: Readonly<Record<string, string>> | undefined
  /**
   * Secrets of another system, whose keys are imported: name → format. The name is stored with each hash: keep it.
   *
   * ```ts
   * formats: { old: { prefix: 'old_', hash: 'sha256' } }
   * ```
   */
  formats?: Readonly<Record<string, ForeignFormat>> | undefined
  /** Where keys are stored; this process's memory by default. */
  store?: KeyStore | undefined
  /** Schema of `metadata` of keys: TypeBox 0.34, `typebox` 1.x, or plain JSON Schema; any notes by default. */
  metadata?: object | undefined
  /**
   * A cache in front of a store that does not answer at once. It is on where something says that a key has changed:
   * `changes`, or a limits store with version markers.
   */
  cache?: CacheOptions | false | undefined
  /** Records when keys and their scopes were last used, once in `interval` seconds at most; 60 by default. */
  recordUse?: boolean | { interval: number } | undefined
  /**
   * What an owner may do in a workspace now: a key of that owner does no more. Undefined or null: the owner is gone,
   * and its keys are refused.
   */
  permissionsOf?: PermissionsOf | undefined
  /**
   * Fields of yours on `request.principal`, made from what is stored with a key, such as its `metadata`. Called once
   * for each record that is loaded; what it throws is an outage (503).
   */
  fieldsOf?: FieldsOf | undefined
  /** Seconds that an answer of `permissionsOf` is used; 10 by default. */
  permissionsMaxAge?: number | undefined
  /**
   * Emits `key.expiring`, `key.expired` and `key.rotation_due` while anything listens. Processes over one store share
   * the work: `false` in processes whose listeners don't store events.
   */
  notices?: NoticeOptions | false | undefined
}

/** The cache of key records. */
export interface CacheOptions {
  /** Records in the cache; 10,000 by default. */
  maxRecords?: number | undefined
  /** Seconds that a record may be used; 30 by default. */
  maxAge?: number | undefined
  /** Says when a key has changed. */
  changes?: KeyChanges | undefined
}

/** When keys need notices, and how often they are checked. */
export interface NoticeOptions {
  /** Seconds before a key's expiry at which `key.expiring` is emitted: 30, 7 and 1 days by default. */
  thresholds?: readonly number[] | undefined
  /** Seconds after which `key.rotation_due` is emitted; 90 days by default, `false` for never. */
  rotationAge?: number | false | undefined
  /** Seconds between two scans for keys that are due; 30 by default. */
  interval?: number | undefined
}

const strict = { additionalProperties: false }

const tagsSchema = Type.Record(
  Type.String(),
  Type.String({ minLength: 1, description: 'the name of an environment' }),
  { minProperties: 1, description: '{ tag: environment }' }
)

const algorithm = Type.Union([Type.Literal('sha256'), Type.Literal('sha512')])
const hmac = Type.Object({ hmac: algorithm, pepper: Type.String() }, strict)
const formatsSchema = Type.Record(
  Type.String(),
  Type.Object({
    prefix: Type.Optional(Type.String({ minLength: 1, description: 'what the secrets begin with' })),
    pattern: Type.Optional(accepted((value) => value instanceof RegExp, 'a regular expression')),
    hash: Type.Union([algorithm, hmac, Type.Function([], Type.Unknown())], {
      description: '\'sha256\', \'sha512\', { hmac, pepper } or a function of the secret'
    }),
    hashed: Type.Optional(Type.Union([Type.Literal('whole'), Type.Literal('rest')], {
      description: '\'whole\' or \'rest\''
    }))
  }, strict),
  { description: '{ name: { prefix or pattern, hash, hashed? } }' }
)

const storeSchema = withMethods(
  ['insert', 'findByHash', 'get', 'list', 'update', 'recordUse'],
  'a key store: an object with insert, findByHash, get, list, update and recordUse'
)

const metadataSchema = accepted(
  (value) => typeof value === 'object' && value !== null,
  'a schema by TypeBox, or in JSON Schema, such as Type.Object({ team: Type.String() })'
)

const cacheSchema = Type.Union([
  Type.Object({
    maxRecords: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    maxAge: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3600 })),
    changes: Type.Optional(withMethods(['publish', 'subscribe'], 'a bus: an object with publish and subscribe'))
  }, strict),
  Type.Literal(false)
], {
  description: '{ maxRecords?, maxAge?, changes? } with records from 1 to 10,000,000, ' +
    'seconds above 0 and at most 3600 and a bus such as createProcessChanges(), or false'
})

const recordUseSchema = Type.Union([
  Type.Boolean(),
  Type.Object({ interval: Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }) }, strict)
], { description: 'true, false or { interval } in seconds above 0 and at most 86400' })

const seconds = Type.Integer({ minimum: 1, maximum: 31_536_000 })
const age = Type.Integer({ minimum: 1, maximum: 315_360_000 })
const noticesSchema = Type.Union([
  Type.Object({
    thresholds: Type.Optional(Type.Array(seconds, { maxItems: 10 })),
    rotationAge: Type.Optional(Type.Union([age, Type.Literal(false)])),
    interval: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }))
  }, strict),
  Type.Literal(false)
], {
  description: '{ thresholds?, rotationAge?, interval? } with up to 10 thresholds in whole seconds of at most a year' +
    ', an age in whole seconds of at most ten years or false, and an interval of at most a day, or false'
})

export const keysOptions = Type.Object({
  prefix: Type.String({ description: 'lower-case letters, digits and underscores, such as \'acme\'' }),
  tags: Type.Optional(tagsSchema),
  formats: Type.Optional(formatsSchema),
  store: Type.Optional(storeSchema),
  metadata: Type.Optional(metadataSchema),
  cache: Type.Optional(cacheSchema),
  recordUse: Type.Optional(recordUseSchema),
  permissionsOf: Type.Optional(Type.Function([], Type.Unknown(), {
    description: 'a function of owner and workspace that answers scopes, or undefined when the owner is gone'
  })),
  fieldsOf: Type.Optional(Type.Function([], Type.Unknown(), {
    description: 'a function of the principal of a key that answers an object of further fields'
  })),
  permissionsMaxAge: Type.Optional(Type.Number({
    exclusiveMinimum: 0, maximum: 3600, description: 'seconds above 0 and at most 3600'
  })),
  notices: Type.Optional(noticesSchema)
}, { additionalProperties: false, description: '{ prefix, tags?, store?, … }, or false' })
