import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import type { Resolver } from '../auth/index.js'
import { groundOf } from '../ground.js'
import { checkOptions, withMethods } from '../options.js'
import type { Clock } from '../time.js'
import { AccessError } from '../errors.js'
import { readIssueInput, type IssueInput } from './input.js'
import { createMemoryKeyStore } from './memory.js'
import type { ApiKey } from './record.js'
import { createKeyResolver } from './resolver.js'
import type { KeyStore } from './store.js'
import { createKeyText, hashKeyText, type KeyText } from './text.js'

export interface KeysOptions {
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
   * @throws AccessError `KEY_INPUT_INVALID` with the field and the fix in `detail`
   */
  issue (input: IssueInput): Promise<{ key: ApiKey, text: string }>
  /**
   * Revokes a key of a workspace, at once and for good. Revoking a revoked key changes nothing.
   * @throws AccessError `KEY_NOT_FOUND`
   */
  revoke (workspace: string, id: string): Promise<ApiKey>
  /** Finds keys of this host in text: for secret scanners and log redaction. */
  readonly pattern: RegExp
}

declare module 'fastify' {
  interface FastifyInstance { readonly keys: Keys }
}

export const keysOptions = Type.Object({
  prefix: Type.String({ description: 'lower-case letters, digits and underscores, such as \'acme\'' }),
  tags: Type.Optional(Type.Record(Type.String(), Type.String({ minLength: 1, description: 'the name of an environment' }), { minProperties: 1, description: '{ tag: environment }' })),
  store: Type.Optional(withMethods(['insert', 'findByHash', 'get', 'update'], 'a key store: an object with insert, findByHash, get and update'))
}, { additionalProperties: false, description: '{ prefix, tags?, store? }, or false' })

/** What the keys room needs to know of its host. */
export interface KeysHost {
  readonly clock: Clock
  /** The catalogue's names; scopes of keys must be among them. */
  readonly scopes: readonly string[]
}

const defaultTags = { live: 'production', test: 'sandbox' }

/** Makes the keys of one host: what `app.keys` is, and the resolver that `auth` asks. */
export function createKeys (options: KeysOptions, { clock, scopes }: KeysHost): { keys: Keys, resolver: Resolver, environments: string[] } {
  checkOptions(keysOptions, options, 'keys')
  const { prefix, tags = defaultTags, store = createMemoryKeyStore() } = options
  const text: KeyText = createKeyText(prefix, Object.keys(tags))
  const tagOf = new Map(Object.entries(tags).map(([tag, environment]) => [environment, tag]))
  const environments = [...tagOf.keys()]

  const keys: Keys = {
    pattern: text.pattern,
    async issue (input) {
      const now = clock()
      const fields = readIssueInput(input, { now, scopes, environments })
      const secret = text.generate(tagOf.get(fields.environment) ?? '')
      const key: ApiKey = Object.freeze({
        id: `key_${randomUUID()}`,
        ...fields,
        hint: secret.slice(-49, -45),
        createdAt: new Date(now),
        version: 1
      })
      await store.insert(key, hashKeyText(secret))
      return { key, text: secret }
    },
    async revoke (workspace, id) {
      for (;;) {
        const key = await store.get(workspace, id)
        if (key === undefined) throw new AccessError('KEY_NOT_FOUND')
        if (key.revokedAt !== undefined) return key
        const revoked = Object.freeze({ ...key, revokedAt: new Date(clock()), version: key.version + 1 })
        if (await store.update(revoked)) return revoked
      }
    }
  }
  return { keys, resolver: createKeyResolver(text, store), environments }
}

/** Hangs `keys` on the context as `app.keys`. */
export const keys = fp<{ keys: Keys }>(async function latchkeyKeys (app: FastifyInstance, options: { keys: Keys }) {
  groundOf(app)
  app.decorate('keys', options.keys)
}, { name: 'latchkey-keys', fastify: '5.x' })

export { createMemoryKeyStore } from './memory.js'
export { createKeyText, hashKeyText, type KeyText, type KeyTextParts } from './text.js'
export { loadKey, type ApiKey, type LoadedKey } from './record.js'
export type { IssueInput } from './input.js'
export type { KeyStore } from './store.js'
