import type { LimitStore, Outcome, Take } from './store.js'

interface Waiting {
  readonly take: Take
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (fault: unknown) => void
}

/** Batches the takes of one event-loop tick into one call of the store. */
export function createTakeBatcher (takeBatch: NonNullable<LimitStore['takeBatch']>): (take: Take) => Promise<Outcome> {
  let waiting: Waiting[] = []

  async function flush (): Promise<void> {
    const batch = waiting
    waiting = []
    try {
      const outcomes = await takeBatch(batch.map(({ take }) => take))
      batch.forEach(({ resolve, reject }, i) => {
        const outcome = outcomes[i]
        if (outcome === undefined) reject(new TypeError('the limit store answered fewer outcomes than takes'))
        else resolve(outcome)
      })
    } catch (fault) {
      for (const { reject } of batch) reject(fault)
    }
  }

  return (take) => new Promise((resolve, reject) => {
    if (waiting.push({ take, resolve, reject }) === 1) setImmediate(flush)
  })
}
