import { eventId, type Emitter, type EventData } from '../events/index.js'
import { groupBy } from './group-by.js'
import { bucketsOf } from './report.js'
import type { UsageBatch, UsageCount } from './store.js'

type CountedKey = EventData<'usage.counted'>['keys'][number]

/** Keys of one event at most, so that webhooks can carry it. */
const MAX_KEYS = 100

/** Emits `usage.counted` for each workspace and environment of a batch that the store has added. */
export function createUsageEvents ({ emit, hasListeners }: Emitter): (batch: UsageBatch) => void {
  return function emitCounts ({ writer, sequence, madeAt, counts }) {
    if (!hasListeners('usage.counted')) return
    for (const { workspace, environment, keys } of placesOf(counts)) {
      for (let first = 0; first < keys.length; first += MAX_KEYS) {
        emit({
          id: eventId('usage.counted', writer, sequence, workspace, environment, first),
          type: 'usage.counted',
          at: new Date(madeAt),
          workspace,
          data: { environment, keys: keys.slice(first, first + MAX_KEYS) }
        })
      }
    }
  }
}

interface Place { readonly workspace: string, readonly environment: string, readonly keys: CountedKey[] }

function placesOf (counts: readonly UsageCount[]): Place[] {
  const ofKeys = counts.filter(({ keyId }) => keyId !== null)
  const places = groupBy(ofKeys, ({ workspace, environment }) => JSON.stringify([workspace, environment]))
  return [...places.values()].map((all) => {
    const [{ workspace, environment }] = all
    return { workspace, environment, keys: [...groupBy(all, ({ keyId }) => String(keyId))].flatMap(keysOf) }
  })
}

function keysOf ([id, counts]: readonly [string, readonly UsageCount[]]): CountedKey[] {
  return bucketsOf(counts).map(({ at, ...requests }) => ({ id, at: at.toISOString(), ...requests }))
}
