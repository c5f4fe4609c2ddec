import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Kind, Type, type TSchema } from '@sinclair/typebox'
import type { Resolver } from '../auth/index.js'
import { contextOf, offer } from '../core/access-context.js'
import { accepted, checkOptions, withMethods } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'
import { createTell, type KeyListener } from './lifecycle/events.js'
import type { Keys } from './keys.js'
import { createLifecycle } from './lifecycle/lifecycle.js'
import { createVersionMarkers, type PublishVersion } from './verification/version-markers.js'
import { createMemoryKeyStore } from './memory/store.js'
import { createPrivilege } from './lifecycle/privilege.js'
import { addRequestHooks, createRequestSide, requestOptions, type RequestOptions, type RequestSide } from './verification/request.js'
import { createKeyResolver } from './verification/resolver.js'
import { createFirstUse } from './verification/rotation-grace.js'
import type { KeyStore } from './store.js'
import { createSecretFormat } from './secret-format.js'

export interface KeysOptions extends RequestOptions {
  /** How all keys of this host begin: lower-case letters, digits and underscores, such as `acme`. */
  prefix: string
  /** Tag in the text → environment; `{ live: 'production', test: 'sandbox' }` by default. */
  tags?: Readonly<Record<string, string>> | undefined
  /** Where keys live; this process's memory by default. */
  store?: KeyStore | undefined
  /** What `metadata` of keys look like; of any form by default. */
  metadata?: TSchema | undefined
  /** Hears of every change of a key. What it throws or rejects with is logged and changes nothing; nobody waits for it. */
  onEvent?: KeyListener | undefined
}

declare module '../core/access-context.js' {
  interface Latchkey { readonly keys: Keys }
}

export const keysOptions = Type.Object({
  prefix: Type.String({ description: 'lower-case letters, digits and underscores, such as \'acme\'' }),
  tags: Type.Optional(Type.Record(Type.String(), Type.String({ minLength: 1, description: 'the name of an environment' }), { minProperties: 1, description: '{ tag: environment }' })),
  store: Type.Optional(withMethods(['insert', 'findByHash', 'get', 'list', 'update', 'recordUse'], 'a key store: an object with insert, findByHash, get, list, update and recordUse')),
  metadata: Type.Optional(accepted((value) => typeof value === 'object' && value !== null && Kind in value, 'a TypeBox schema, such as Type.Object({ team: Type.String() })')),
  onEvent: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the event' })),
  ...requestOptions
}, { additionalProperties: false, description: '{ prefix, tags?, store?, … }, or false' })

/** What the keys room needs to know of its host. */
export interface KeysHost {
  readonly clock: Clock
  /** The catalogue's names; scopes of keys must be among them. */
  readonly scopes: readonly string[]
  /** All scopes that scopes grant, with what they imply; themselves alone by default. */
  readonly expand?: ((scopes: readonly string[]) => readonly string[]) | undefined
  /** Protection space of challenges; `api` by default. */
  readonly realm?: string | undefined
  /** Seconds that the store may take for a change. */
  readonly deadline: number
  /** Tells every process of a key's version. */
  readonly mark?: PublishVersion | undefined
  /** Seconds that a process may go by what it holds of a key where it can't be told; those of the record cache by default. */
  readonly cacheBound?: number | undefined
  /** Hears of every change of a key beside `onEvent`. */
  readonly hear?: KeyListener | undefined
  /** Hears of every request whose secret was rotated away and still is valid; must not throw. */
  readonly onRetiring?: ((principal: Principal) => void) | undefined
  /** Takes what went wrong beside a call; nobody does by default. */
  readonly log?: ((reason: string, message: string) => void) | undefined
}

const defaultTags = { live: 'production', test: 'sandbox' }
export interface Keyring {
  readonly keys: Keys
  readonly resolver: Resolver
  /** Those that keys can have. */
  readonly environments: readonly string[]
  /** What goes on beside requests. */
  readonly side: RequestSide
  /** Ends what goes on beside calls. */
  close (): void
}

/** Makes the keys of one host: what `app.keys` is, the resolver that `auth` asks, and the environments keys can have. */
export function createKeys (options: KeysOptions, { clock, scopes, expand = (scopes) => scopes, realm = 'api', deadline, mark, cacheBound, hear, onRetiring, log = () => {} }: KeysHost): Keyring {
  checkOptions(keysOptions, options, 'keys')
  const { prefix, tags = defaultTags, metadata, onEvent } = options
  const side = createRequestSide(options, { store: options.store ?? createMemoryKeyStore(), clock, deadline, marked: mark !== undefined, expand, onRetiring, log })
  const { store, permissions } = side
  const text = createSecretFormat(prefix, Object.keys(tags))
  const tagOf = new Map(Object.entries(tags).map(([tag, environment]) => [environment, tag]))
  const marks = createVersionMarkers({ mark, versionOf: async ({ workspace, id }) => (await store.get(workspace, id))?.version, cacheBound: cacheBound ?? side.bound, deadline, log })
  const privilege = createPrivilege(expand, realm)
  const tell = createTell([onEvent, hear], clock, log)
  const lifecycle = createLifecycle({ text, store, clock, deadline, scopes, tagOf, metadata, privilege, marks, tell })

  return {
    keys: { ...lifecycle, secretPattern: text.pattern, forgetPermissions: (owner, workspace) => permissions?.forget(owner, workspace) },
    resolver: createKeyResolver(text, store, { permissions, onUse: createFirstUse(lifecycle.beginGrace, log) }),
    environments: [...tagOf.keys()],
    side,
    close: marks.close
  }
}

export interface KeysPluginOptions extends Pick<Keyring, 'keys' | 'side' | 'close'> {
  /** Where scopes are checked. */
  hook?: 'onRequest' | 'preHandler' | undefined
}

/** Hangs `keys` on the context as `app.keys`, and notes what keys are used for. */
export const keys = fp<KeysPluginOptions>(async function latchkeyKeys (app: FastifyInstance, { keys, side, close, hook = 'onRequest' }: KeysPluginOptions) {
  contextOf(app)
  offer(app, 'keys', keys)
  app.addHook('onClose', async () => close())
  addRequestHooks(app, side, hook)
}, { name: 'latchkey-keys', fastify: '5.x' })

export { createRecordCache, type RecordCache, type RecordCacheOptions } from './verification/record-cache.js'
export { createProcessChanges, type ChangedKey, type KeyChanges } from './verification/change-bus.js'
export { createMemoryKeyStore } from './memory/store.js'
export { createSecretFormat, formatSecret, hashSecret, type SecretFormat as KeyText, type SecretParts as KeyTextParts } from './secret-format.js'
export { loadKey, MAX_SECRETS, type ApiKey, type KeyMetadata, type KeySecret, type LoadedKey } from './record.js'

export type { Changed, KeyCaller, Keys } from './keys.js'
export type { KeyActor, KeyEvent, KeyListener, KeyOrigin } from './lifecycle/events.js'
export type { PermissionsOf } from '../auth/index.js'
export type { IssueInput, ListInput, RevokeInput, RotateInput, UpdateInput } from './lifecycle/record-schema.js'
export type { DueKey, KeyList, KeyNotices, KeyPage, KeyPosition, KeyStore, KeyUse } from './store.js'
