import { batches } from './limit-store-batches.js'
import type { LimitStoreCase } from './limit-store-drafts.js'
import { policies } from './limit-store-policies.js'
import { takes } from './limit-store-takes.js'

/**
 * What every limit store does, to the unit and the second, for a test of any runner. The time of the store must be the
 * `now` of each take. Cases may share a store, one after the other, and it need not be empty; those about `takeBatch`
 * and `publishVersion` pass where the store has no such method.
 *
 * ```ts
 * for (const { name, run } of limitStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function limitStoreConformance (): readonly LimitStoreCase[] {
  return [...policies, ...takes, ...batches]
}
