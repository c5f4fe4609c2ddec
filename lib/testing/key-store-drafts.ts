import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { hashSecret, type ApiKey, type KeySecret, type KeyStore } from '../keys/index.js'

/** One rule that every key store keeps. */
export interface KeyStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` if the store breaks the rule. Uses a workspace of its own. */
  run (store: KeyStore): Promise<void>
}

/** A time with milliseconds, which a store must not round. */
export const START = Date.UTC(2026, 0, 1, 12, 30, 15, 123)

/** @param milliseconds after `START` */
export function at (milliseconds: number): Date {
  return new Date(START + milliseconds)
}

export const newWorkspace = (): string => `workspace-${randomUUID()}`
export const newHash = (): string => hashSecret(randomUUID())

export function secret (generation: number, more: Partial<KeySecret> = {}): KeySecret {
  return { generation, hint: 'aBc9', createdAt: at(generation), ...more }
}

/** A key as `issue` makes it. */
export function draft (workspace: string, more: Partial<ApiKey> = {}): ApiKey {
  return {
    id: `key_${randomUUID()}`,
    workspace,
    environment: 'production',
    scopes: ['devices:read'],
    secrets: [secret(1)],
    createdAt: at(0),
    version: 1,
    ...more
  }
}

/** A key that is in the store, with the hash of its secret. */
export interface Inserted { readonly key: ApiKey, readonly hash: string }

export async function inserted (store: KeyStore, workspace: string, more: Partial<ApiKey> = {}): Promise<Inserted> {
  const key = draft(workspace, more)
  const hash = newHash()
  await store.insert(key, hash)
  return { key, hash }
}

/** The next version of a key. */
export function changed (key: ApiKey, more: Partial<ApiKey> = {}): ApiKey {
  return { ...key, version: key.version + 1, ...more }
}

/** A store may throw at once or reject. */
export async function isRefused (work: () => void | boolean | Promise<void | boolean>, what: string): Promise<void> {
  await assert.rejects(Promise.resolve().then(work), what)
}

/** Texts that people may write into a record. */
export const ODD_TEXTS: readonly string[] = [
  '\'', '"', '\\', '\'; DROP TABLE keys; --', '$1', '%s', '{a}', '}{', 'a:b', '*', '[a-z]', ' ', '  two  ',
  '\\u0041', '\\\\', '/', '?#&=', '(a)', ',', 'NULL', 'null', 'Zoë', 'Zoe\u0308', 'ß', '日本', '🗝️', '👩‍👩‍👧',
  '\u202eabc', '\u2028', '__proto__', 'constructor', 'é'.repeat(256), '🔑'.repeat(128)
]
