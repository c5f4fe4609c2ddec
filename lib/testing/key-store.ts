import type { KeyStore } from '../keys/index.js'
import { changes } from './key-store-changes.js'
import { lists } from './key-store-lists.js'
import { lookups } from './key-store-lookups.js'
import { uses } from './key-store-uses.js'

/** One sentence of the contract of key stores. */
export interface KeyStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` where the store does otherwise. Makes keys of a workspace of its own. */
  run (store: KeyStore): Promise<void>
}

/**
 * What every key store does, for a test of any runner. Cases may share a store, and it need not be empty.
 *
 * ```ts
 * for (const { name, run } of keyStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function keyStoreConformance (): readonly KeyStoreCase[] {
  return [...lookups, ...changes, ...lists, ...uses]
}
