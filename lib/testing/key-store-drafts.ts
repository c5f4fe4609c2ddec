import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { hashSecret, type ApiKey, type KeySecret, type KeyStore } from '../keys/index.js'

/** One sentence of the contract of key stores. */
export interface KeyStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` where the store does otherwise. Makes keys of a workspace of its own. */
  run (store: KeyStore): Promise<void>
}

/** An instant with milliseconds that are easily lost. */
export const START = Date.UTC(2026, 0, 1, 12, 30, 15, 123)

/** @param later milliseconds after `START` */
export function at (later: number): Date {
  return new Date(START + later)
}

export const newWorkspace = (): string => `workspace-${randomUUID()}`
export const newHash = (): string => hashSecret(randomUUID())

export function secret (generation: number, more: Partial<KeySecret> = {}): KeySecret {
  return { generation, hint: 'aBc9', createdAt: at(generation), ...more }
}

/** A key as `issue` makes it. */
export function draft (workspace: string, more: Partial<ApiKey> = {}): ApiKey {
  return { id: `key_${randomUUID()}`, workspace, environment: 'production', scopes: ['devices:read'], secrets: [secret(1)], createdAt: at(0), version: 1, ...more }
}

/** Inserts a key, and returns it with the hash of its secret. */
export async function inserted (store: KeyStore, workspace: string, more: Partial<ApiKey> = {}): Promise<{ key: ApiKey, hash: string }> {
  const key = draft(workspace, more)
  const hash = newHash()
  await store.insert(key, hash)
  return { key, hash }
}

/** The next version of a key. */
export function changed (key: ApiKey, more: Partial<ApiKey> = {}): ApiKey {
  return { ...key, version: key.version + 1, ...more }
}

/** A store may throw at once or later. */
export async function isRefused (work: () => void | boolean | Promise<void | boolean>, what: string): Promise<void> {
  await assert.rejects(Promise.resolve().then(work), what)
}

/** What people may write into a record. */
export const ODD_WORDS: readonly string[] = [
  '\'', '"', '\\', '\'; DROP TABLE keys; --', '$1', '%s', '{a}', '}{', 'a:b', '*', '[a-z]', ' ', '  two  ', '\\u0041', '\\\\', '/', '?#&=', '(a)', ',', 'NULL', 'null',
  'Zoë', 'Zoe\u0308', 'ß', '日本', '🗝️', '👩‍👩‍👧', '\u202eabc', '\u2028', '__proto__', 'constructor', 'é'.repeat(256), '🔑'.repeat(128)
]
