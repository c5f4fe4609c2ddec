import { startOf } from './hours.js'
import type { UsageSum } from './store.js'

/** Sums counts of hours by key, hour or day, and outcome. */
export function sumsOf (counts: readonly UsageSum[], by: 'hour' | 'day'): UsageSum[] {
  const sums = new Map<string, UsageSum>()
  for (const count of counts) {
    const { keyId, outcome } = count
    const at = startOf(by, count.at)
    const name = JSON.stringify([keyId, at, outcome])
    sums.set(name, { keyId, at, outcome, requests: count.requests + (sums.get(name)?.requests ?? 0) })
  }
  return [...sums.values()]
}
