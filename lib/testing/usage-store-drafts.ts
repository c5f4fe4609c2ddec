import { randomUUID } from 'node:crypto'
import type { UsageBatch, UsageCount, UsageQuery, UsageStore, UsageSum } from '../usage/index.js'

/** One rule that every usage store keeps. */
export interface UsageStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` if the store breaks the rule. */
  run (store: UsageStore): Promise<void>
}

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
/** A Thursday, at midnight. */
export const START = Date.UTC(2026, 0, 1)
export const RETENTION = 90 * 86_400

export const word = (prefix: string) => `${prefix}_${randomUUID()}`

/** @param hour after `START` */
export function count (workspace: string, hour: number, more: Partial<UsageCount> = {}): UsageCount {
  const at = START + hour * HOUR
  return { workspace, environment: 'production', keyId: 'key_1', at, outcome: 'ADMITTED', requests: 1, ...more }
}

/** The first batch of a new writer. */
export function batch (counts: readonly UsageCount[], more: Partial<UsageBatch> = {}): UsageBatch {
  return { writer: word('writer'), sequence: 1, madeAt: START + DAY, retention: RETENTION, counts, ...more }
}

/** What a store has of a key: requests by hours after `START`, and outcome. */
export async function found (
  store: UsageStore, workspace: string, more: Partial<UsageQuery> = {}
): Promise<Record<string, number>> {
  const range = { from: START, to: START + DAY, by: 'hour' } as const
  const query = { workspace, environment: 'production', keyIds: ['key_1'], ...range, ...more }
  const sums = await store.read(query)
  const named = sums.map((sum): [string, number] => [nameOf(sum, query.keyIds.length > 1), sum.requests])
  return Object.fromEntries(named.sort(([one], [other]) => one.localeCompare(other)))
}

function nameOf ({ keyId, at, outcome }: UsageSum, several: boolean): string {
  return `${several ? `${keyId} ` : ''}${(at - START) / HOUR} ${outcome}`
}
