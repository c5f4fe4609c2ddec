import type { WholeRange } from './range.js'
import type { UsageSum } from './store.js'

/** Requests of one UTC hour or day. */
export interface UsageBucket {
  /** When it began. */
  readonly at: Date
  readonly admitted: number
  /** Refused with `RATE_LIMITED`. */
  readonly limited: number
  /** Refused otherwise, by the code of the refusal. */
  readonly refused: Readonly<Record<string, number>>
}

/** Buckets in ascending order; those without a request are left out. */
export interface UsageReport {
  readonly by: 'hour' | 'day'
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  readonly buckets: readonly UsageBucket[]
}

export interface WorkspaceUsageReport extends UsageReport {
  /** Buckets of the keys that were asked for, by their ids. */
  readonly keys?: Readonly<Record<string, readonly UsageBucket[]>>
}

export function reportOf ({ by, from, to }: WholeRange, sums: readonly UsageSum[]): UsageReport {
  return { by, from: new Date(from), to: new Date(to), buckets: bucketsOf(sums) }
}

/** @param sums of one key, or of all keys together */
export function bucketsOf (sums: readonly UsageSum[]): UsageBucket[] {
  const byStart = new Map<number, Record<string, number>>()
  for (const { at, outcome, requests } of sums) byStart.set(at, { ...byStart.get(at), [outcome]: requests })
  return [...byStart].sort(([one], [other]) => one - other).map(([at, outcomes]) => bucketOf(at, outcomes))
}

function bucketOf (at: number, outcomes: Readonly<Record<string, number>>): UsageBucket {
  const { ADMITTED: admitted = 0, RATE_LIMITED: limited = 0, ...refused } = outcomes
  return { at: new Date(at), admitted, limited, refused }
}
