import { timeLookup } from '../core/lookup-channel.js'
import type { LimitStore, Outcome, Take } from './store.js'

interface QueuedTake {
  readonly take: Take
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Batches the takes of one event-loop tick into one call of a store's `takeBatch`. Each take's promise settles with its
 * own outcome; a call that rejects, or does not answer exactly one outcome for each take, rejects all of them.
 */
export function createTakeBatcher (store: Required<Pick<LimitStore, 'takeBatch'>>): (take: Take) => Promise<Outcome> {
  let queued: QueuedTake[] = []

  async function sendQueued (): Promise<void> {
    const batch = queued
    queued = []
    try {
      const outcomes = await timeLookup('limits', store.takeBatch(batch.map(({ take }) => take)))
      if (outcomes.length !== batch.length) {
        throw new TypeError(`the limit store answered ${outcomes.length} outcomes to ${batch.length} takes`)
      }
      for (const [i, outcome] of outcomes.entries()) batch[i]?.resolve(outcome)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (take) => new Promise((resolve, reject) => {
    if (queued.length === 0) setImmediate(sendQueued)
    queued.push({ take, resolve, reject })
  })
}
