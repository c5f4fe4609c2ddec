import { eventId, type Emitter, type EventData } from '../events/index.js'
import { groupBy } from './group-by.js'
import { bucketsOf } from './report.js'
import type { UsageBatch, UsageCount } from './store.js'

type CountedKey = EventData<'usage.counted'>['keys'][number]

/** Bytes of the keys of one event, so that webhooks can carry it. */
const MAX_BYTES = 16_000

/** Emits `usage.counted` for each workspace and environment of a batch that the store has added. */
export function createUsageEvents ({ emit, hasListeners }: Emitter): (batch: UsageBatch) => void {
  return function emitCounts ({ writer, sequence, madeAt, counts }) {
    if (!hasListeners('usage.counted')) return
    for (const { workspace, environment, keys } of placesOf(counts)) {
      for (const [i, part] of partsOf(keys).entries()) {
        emit({
          id: eventId('usage.counted', writer, sequence, workspace, environment, i),
          type: 'usage.counted',
          at: new Date(madeAt),
          workspace,
          data: { environment, keys: part }
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

function partsOf (keys: readonly CountedKey[]): CountedKey[][] {
  const parts: CountedKey[][] = []
  let part: CountedKey[] = []
  let room = 0
  for (const key of keys) {
    const bytes = Buffer.byteLength(JSON.stringify(key)) + 1
    if (bytes > room) {
      part = []
      parts.push(part)
      room = MAX_BYTES
    }
    part.push(key)
    room -= bytes
  }
  return parts
}

function keysOf ([id, counts]: readonly [string, readonly UsageCount[]]): CountedKey[] {
  return bucketsOf(counts).map(({ at, ...requests }) => ({ id, at: at.toISOString(), ...requests }))
}
