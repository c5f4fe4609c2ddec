import { createScript, listOf, textsOf } from '../../redis/commands.js'
import { encodePart } from '../../redis/names.js'
import type { OpenRedis } from '../../redis/options.js'
import { groupBy } from '../group-by.js'
import { DAY_MS, HOUR_MS, startOf } from '../hours.js'
import type { UsageBatch, UsageCount, UsageQuery, UsageStore, UsageSum } from '../store.js'
import { sumsOf } from '../sums.js'
import { ADD, READ } from './scripts.js'

/** Seconds for which the last batch of a writer is remembered. */
const MEMORY_OF_WRITERS = 86_400
/** Hashes that one script reads, and workspaces that are written at once. */
const BATCH_SIZE = 100
/** Hashes that one script adds to: it must be short, since others wait for it, such as limits on the same Redis. */
const HASHES_PER_ADD = 20

/** A hash has the counts of one key and UTC day; its fields are the hour of the day and the outcome: `13:ADMITTED`. */
export function createRedisStore ({ command, namespace }: OpenRedis): UsageStore {
  const script = createScript(command)
  const prefix = (workspace: string) => `${namespace}:{${encodePart(workspace)}}:usage`

  function nameOf (workspace: string, environment: string, keyId: string | null, day: number): string {
    const of = keyId === null ? 'all' : `key:${encodePart(keyId)}`
    return `${prefix(workspace)}:${encodePart(environment)}:${of}:${day / DAY_MS}`
  }

  /** A batch that is repeated has the same parts, and each is added once. */
  async function addOf (
    workspace: string, counts: readonly UsageCount[], { writer, sequence, madeAt, retention }: UsageBatch
  ): Promise<void> {
    const hashes = groupBy(counts, ({ environment, keyId, at }) =>
      nameOf(workspace, environment, keyId, startOf('day', at)))
    for (const [part, some] of chunks([...hashes], HASHES_PER_ADD).entries()) {
      const args = some.flatMap(([, counts]) => {
        const [{ at }] = counts
        const expires = startOf('day', at) + DAY_MS + retention * 1000 - madeAt
        const fields = counts.flatMap(({ at, outcome, requests }) => [`${hourOf(at)}:${outcome}`, requests])
        return [expires, counts.length, ...fields]
      })
      const names = [`${prefix(workspace)}:writer:${encodePart(writer)}:${part}`, ...some.map(([name]) => name)]
      await script(ADD, names, [sequence, MEMORY_OF_WRITERS, ...args])
    }
  }

  /** @param days each with the key that it is of */
  async function readDays (query: UsageQuery, days: readonly Day[]): Promise<UsageSum[]> {
    const { workspace, environment } = query
    const names = days.map(({ keyId, day }) => nameOf(workspace, environment, keyId, day))
    const hashes = listOf(await script(READ, names))
    return days.flatMap((day, i) => countsIn(day, textsOf(hashes[i])))
  }

  return {
    async add (batch) {
      for (const some of chunks([...groupBy(batch.counts, ({ workspace }) => workspace)])) {
        await Promise.all(some.map(([workspace, counts]) => addOf(workspace, counts, batch)))
      }
    },
    async read (query) {
      const { keyIds, from, to, by } = query
      const starts = Array.from({ length: Math.ceil((to - startOf('day', from)) / DAY_MS) },
        (_, i) => startOf('day', from) + i * DAY_MS)
      const days = keyIds.flatMap((keyId) => starts.map((day) => ({ keyId, day })))
      const counts: UsageSum[] = []
      // One script at a time: others wait for the same Redis.
      for (const some of chunks(days)) counts.push(...await readDays(query, some))
      return sumsOf(counts.filter(({ at }) => from <= at && at < to), by)
    },
    prune () {} // Redis does, by the expiry of each hash.
  }
}

interface Day { readonly keyId: string | null, readonly day: number }

function hourOf (at: number): number {
  return (at - startOf('day', at)) / HOUR_MS
}

/** @param texts fields and values in turn */
function countsIn ({ keyId, day }: Day, texts: readonly string[]): UsageSum[] {
  return texts.flatMap((field, i) => {
    if (i % 2 === 1) return []
    const [hour, outcome] = field.split(':')
    return [{ keyId, at: day + Number(hour) * HOUR_MS, outcome: String(outcome), requests: Number(texts[i + 1]) }]
  })
}

function chunks<T> (all: readonly T[], size = BATCH_SIZE): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}
