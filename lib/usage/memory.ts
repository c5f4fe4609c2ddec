import { Type } from '@sinclair/typebox'
import { checkOptions } from '../core/options.js'
import type { UsageCount, UsageStore } from './store.js'
import { sumsOf } from './sums.js'

type Hour = Map<string, Map<string, number>>

export interface MemoryUsageStoreOptions {
  /** Counts of a key, hour and outcome that are kept at most; the oldest hours make room. 1,000,000 by default. */
  maxCounts?: number | undefined
}

const memoryOptions = Type.Object({
  maxCounts: Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number, at least 1' }))
}, { additionalProperties: false })

/**
 * Counts of this process alone, gone when it ends: for tests and local development.
 * @throws OptionError
 */
export function createMemoryUsageStore (options: MemoryUsageStoreOptions = {}): UsageStore {
  checkOptions(memoryOptions, options, '')
  const { maxCounts = 1_000_000 } = options
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

  function prune (before: number): void {
    for (const [at, hour] of hours) {
      if (at >= before) continue
      for (const counts of hour.values()) size -= counts.size
      hours.delete(at)
    }
  }

  return {
    add ({ writer, sequence, counts }) {
      if (sequence <= (sequences.get(writer) ?? 0)) return
      sequences.set(writer, sequence)
      counts.forEach(addOne)
      while (size > maxCounts) prune(Math.min(...hours.keys()) + 1)
    },
    read ({ workspace, environment, keyIds, from, to, by }) {
      const inRange = [...hours].filter(([at]) => from <= at && at < to)
      return sumsOf(inRange.flatMap(([at, hour]) => keyIds.flatMap((keyId) => {
        const counts = hour.get(nameOf(workspace, environment, keyId)) ?? []
        return [...counts].map(([outcome, requests]) => ({ keyId, at, outcome, requests }))
      })), by)
    },
    prune
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
