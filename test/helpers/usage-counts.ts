import { randomUUID } from 'node:crypto'
import type { ApiKey } from 'fastify-latchkey/keys'
import { createMemoryUsageStore, type UsageStore } from 'fastify-latchkey/usage'

const HOUR = 3_600_000

/** A usage store that a test fills and breaks. */
export function usageCounts () {
  const memory = createMemoryUsageStore()
  const state = { isDown: false }
  const store: UsageStore = {
    ...memory,
    read (query) {
      if (state.isDown) throw new Error('the usage store is down')
      return memory.read(query)
    }
  }

  /** @param requests hours before `now`, what was decided, and how often */
  function add (now: number, key: ApiKey, requests: ReadonlyArray<readonly [hoursAgo: number, outcome: string, requests: number]>): void {
    const { id, workspace, environment } = key
    const counts = requests.map(([hoursAgo, outcome, requests]) => (
      { workspace, environment, keyId: id, at: (Math.floor(now / HOUR) - hoursAgo) * HOUR, outcome, requests }
    ))
    memory.add({ writer: randomUUID(), sequence: 1, madeAt: now, retention: 90 * 86_400, counts })
  }

  return { state, store, add }
}
