import { startOf } from './hours.js'
import type { UsageCount, UsageStore, UsageSum } from './store.js'

type Hour = Map<string, Map<string, number>>

/** Counts kept at most; the oldest hours make room. */
const MAX_COUNTS = 1_000_000

/** Counts of this process alone, gone when it ends: for tests and local development. */
export function createMemoryUsageStore (): UsageStore {
  /** Start of an hour → key → outcome → requests. */
  const hours = new Map<number, Hour>()
  /** Of the last batch of each writer. */
  const sequences = new Map<string, number>()
  let size = 0

  function addOne ({ workspace, environment, keyId, at, outcome, requests }: UsageCount): void {
    const hour = valueOf(hours, at, (): Hour => new Map())
    const counts = valueOf(hour, nameOf(workspace, environment, keyId), () => new Map<string, number>())
    if (!counts.has(outcome)) size++
    counts.set(outcome, (counts.get(outcome) ?? 0) + requests)
  }

  function forget (at: number): void {
    for (const counts of hours.get(at)?.values() ?? []) size -= counts.size
    hours.delete(at)
  }

  return {
    add ({ writer, sequence, counts }) {
      if (sequence <= (sequences.get(writer) ?? 0)) return
      sequences.set(writer, sequence)
      counts.forEach(addOne)
      while (size > MAX_COUNTS) forget(Math.min(...hours.keys()))
    },
    read ({ workspace, environment, keyIds, from, to, by }) {
      const sums = new Map<string, UsageSum>()
      const inRange = [...hours].filter(([at]) => from <= at && at < to)
      for (const [hourAt, hour] of inRange) {
        const at = startOf(by, hourAt)
        for (const keyId of keyIds) {
          for (const [outcome, requests] of hour.get(nameOf(workspace, environment, keyId)) ?? []) {
            const name = JSON.stringify([keyId, at, outcome])
            sums.set(name, { keyId, at, outcome, requests: requests + (sums.get(name)?.requests ?? 0) })
          }
        }
      }
      return [...sums.values()]
    },
    prune (before) {
      for (const at of [...hours.keys()]) if (at < before) forget(at)
    }
  }
}

function valueOf<K, V> (map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

function nameOf (workspace: string, environment: string, keyId: string | null): string {
  return JSON.stringify([workspace, environment, keyId])
}
