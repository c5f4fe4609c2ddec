import { changes } from './key-store-changes.js'
import type { KeyStoreCase } from './key-store-drafts.js'
import { lists } from './key-store-lists.js'
import { lookups } from './key-store-lookups.js'
import { uses } from './key-store-uses.js'

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
