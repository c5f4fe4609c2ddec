import { changes } from './key-store-changes.js'
import type { KeyStoreCase } from './key-store-drafts.js'
import { lists } from './key-store-lists.js'
import { lookups } from './key-store-lookups.js'
import { notices } from './key-store-notices.js'
import { uses } from './key-store-uses.js'

/**
 * The rules that every key store keeps, for a test runner of your choice. Cases may share one store if they run one
 * after the other, and it need not be empty. Those about notices lease all keys that are due, so no server may send
 * notices from that store meanwhile.
 *
 * ```ts
 * for (const { name, run } of keyStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function keyStoreConformance (): readonly KeyStoreCase[] {
  return [...lookups, ...changes, ...lists, ...uses, ...notices]
}
