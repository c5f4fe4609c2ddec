import { changes } from './key-store-changes.js'
import type { KeyStoreCase } from './key-store-drafts.js'
import { lists } from './key-store-lists.js'
import { lookups } from './key-store-lookups.js'
import { notices } from './key-store-notices.js'
import { uses } from './key-store-uses.js'

/**
 * What every key store does, for a test of any runner. Cases may share a store, one after the other, and it need not be
 * empty; those of notices hold whatever is due, so let nobody else tell of keys meanwhile.
 *
 * ```ts
 * for (const { name, run } of keyStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function keyStoreConformance (): readonly KeyStoreCase[] {
  return [...lookups, ...changes, ...lists, ...uses, ...notices]
}
