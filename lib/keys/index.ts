import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import type { Resolver } from '../auth/index.js'
import { AccessError, describeFault } from '../errors.js'
import { groundOf } from '../ground.js'
import { checkOptions, withMethods } from '../options.js'
import { within, type Clock } from '../time.js'
import { readIssueInput, type IssueFields, type IssueInput } from './input.js'
import { createMemoryKeyStore } from './memory.js'
import { copyKey, type ApiKey } from './record.js'
import { addRequestHooks, createRequestSide, requestOptions, type KeysLog, type RequestOptions, type RequestSide } from './request.js'
import { createKeyResolver } from './resolver.js'
import type { KeyStore } from './store.js'
import { createKeyText, hashKeyText, hintOf } from './text.js'

export interface KeysOptions extends RequestOptions {
  /** How all keys of this host begin: lower-case letters, digits and underscores, such as `acme`. */
  prefix: string
  /** Tag in the text → environment; `{ live: 'production', test: 'sandbox' }` by default. */
  tags?: Readonly<Record<string, string>> | undefined
  /** Where keys live; this process's memory by default. */
  store?: KeyStore | undefined
}

/** What a host does with keys, and what `auth` asks of them. */
export interface Keys {
  /**
   * Issues a key. The text is returned this once and kept nowhere.
   * @throws AccessError `KEY_INPUT_INVALID` with the field and the fix in `detail`; `KEYS_UNAVAILABLE` when the store fails
   */
  issue (input: IssueInput): Promise<{ key: ApiKey, text: string }>
  /**
   * Revokes a key of a workspace, at once and for good. Revoking a revoked key changes nothing.
   * @throws AccessError `KEY_NOT_FOUND`, also for a key of another workspace; `KEYS_UNAVAILABLE` when the store fails
   */
  revoke (workspace: string, id: string): Promise<ApiKey>
  /** Lets the next request of an owner's keys ask `permissionsOf` again, in this process. */
  forgetPermissions (owner: string, workspace: string): void
  /** Finds keys of this host in text: for secret scanners and log redaction. */
  readonly pattern: RegExp
}

declare module 'fastify' {
  interface FastifyInstance { readonly keys: Keys }
}

export const keysOptions = Type.Object({
  prefix: Type.String({ description: 'lower-case letters, digits and underscores, such as \'acme\'' }),
  tags: Type.Optional(Type.Record(Type.String(), Type.String({ minLength: 1, description: 'the name of an environment' }), { minProperties: 1, description: '{ tag: environment }' })),
  store: Type.Optional(withMethods(['insert', 'findByHash', 'get', 'list', 'update', 'recordUse'], 'a key store: an object with insert, findByHash, get, list, update and recordUse')),
  ...requestOptions
}, { additionalProperties: false, description: '{ prefix, tags?, store?, … }, or false' })

/** What the keys room needs to know of its host. */
export interface KeysHost {
  readonly clock: Clock
  /** The catalogue's names; scopes of keys must be among them. */
  readonly scopes: readonly string[]
  /** Seconds that the store may take to issue or revoke. */
  readonly deadline: number
  /** The limits store marks principals with their version; false by default. */
  readonly marked?: boolean | undefined
  /** All scopes that scopes grant, with what they imply; nothing further by default. */
  readonly expand?: ((scopes: readonly string[]) => readonly string[]) | undefined
  /** Where faults off the requests' path are told; nowhere by default. */
  readonly log?: KeysLog | undefined
}

const defaultTags = { live: 'production', test: 'sandbox' }
/** Changes of one key by others that a revocation yields to before it gives up. */
const MAX_ATTEMPTS = 10

/** Makes the keys of one host: what `app.keys` is, the resolver that `auth` asks, and the environments keys can have. */
export function createKeys (options: KeysOptions, { clock, scopes, deadline, marked = false, expand = asTheyAre, log = silent }: KeysHost): { keys: Keys, resolver: Resolver, environments: readonly string[], side: RequestSide } {
  checkOptions(keysOptions, options, 'keys')
  const { prefix, tags = defaultTags } = options
  const side = createRequestSide(options, { store: options.store ?? createMemoryKeyStore(), clock, deadline, marked, expand, log })
  const { store, permissions } = side
  const text = createKeyText(prefix, Object.keys(tags))
  const tagOf = new Map(Object.entries(tags).map(([tag, environment]) => [environment, tag]))
  const environments = [...tagOf.keys()]

  async function insert (fields: IssueFields, tag: string): Promise<{ key: ApiKey, text: string }> {
    const secret = text.generate(tag)
    const createdAt = new Date(clock())
    const key = copyKey({ id: `key_${randomUUID()}`, ...fields, secrets: [{ generation: 1, hint: hintOf(secret), createdAt }], createdAt, version: 1 })
    await store.insert(key, hashKeyText(secret))
    return { key, text: secret }
  }

  async function revoke (workspace: string, id: string): Promise<ApiKey> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const key = await store.get(workspace, id)
      if (key === undefined) throw new AccessError('KEY_NOT_FOUND')
      if (key.revokedAt !== undefined) return key
      const revoked = copyKey({ ...key, revokedAt: new Date(clock()), version: key.version + 1 })
      if (await store.update(revoked)) return revoked
    }
    throw new Error('the key store refuses every update')
  }

  const keys: Keys = {
    pattern: text.pattern,
    async issue (input) {
      const { tag, fields } = readIssueInput(input, { now: clock(), scopes, tagOf })
      return await inTime(insert(fields, tag), deadline)
    },
    revoke: (workspace, id) => inTime(revoke(workspace, id), deadline),
    forgetPermissions: (owner, workspace) => permissions?.forget(owner, workspace)
  }
  return { keys, resolver: createKeyResolver(text, store, { permissions }), environments, side }
}

/** Errors of stores carry the arguments of the failed command, so they stay behind. */
async function inTime<T> (work: Promise<T>, deadline: number): Promise<T> {
  try {
    return await within(work, deadline, 'the key store')
  } catch (fault) {
    if (fault instanceof AccessError) throw fault
    throw new AccessError('KEYS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }
}

const silent: KeysLog = { warn () {}, error () {} }
const asTheyAre = (scopes: readonly string[]): readonly string[] => scopes

export interface KeysPluginOptions {
  keys: Keys
  side: RequestSide
  /** Where scopes are checked. */
  hook?: 'onRequest' | 'preHandler' | undefined
}

/** Hangs `keys` on the context as `app.keys`, and notes what keys are used for. */
export const keys = fp<KeysPluginOptions>(async function latchkeyKeys (app: FastifyInstance, { keys, side, hook = 'onRequest' }: KeysPluginOptions) {
  groundOf(app)
  app.decorate('keys', keys)
  addRequestHooks(app, side, hook)
}, { name: 'latchkey-keys', fastify: '5.x' })

export { createRecordCache, type RecordCache, type RecordCacheOptions } from './cache.js'
export { createProcessChanges, type ChangedKey, type KeyChanges } from './changes.js'
export { createMemoryKeyStore } from './memory.js'
export { createKeyText, formatKeyText, hashKeyText, type KeyText, type KeyTextParts } from './text.js'
export { loadKey, MAX_SECRETS, type ApiKey, type KeyMetadata, type KeySecret, type LoadedKey } from './record.js'
export type { PermissionsOf } from './permissions.js'
export type { IssueInput } from './input.js'
export type { KeyList, KeyPage, KeyPosition, KeyStore, KeyUse } from './store.js'
