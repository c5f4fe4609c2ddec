import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRecordCache, type KeyStore } from 'fastify-latchkey/keys'
import { hashOf } from '../helpers/fill-postgres.js'

/** Whether each key of a store is found through a record cache that holds few of them, and what stays of that. */
export interface Reach {
  /** Of all keys of the store, each asked for once: 1 is every one. */
  readonly reached: number
  /** KiB of heap more after the last key than after the first tenth of them, when the cache was full. */
  readonly reachGrowth: number
}

const HELD = 10_000
const AT_ONCE = 100

export async function reach (store: KeyStore, keys: number): Promise<Reach> {
  const cache = createRecordCache(store, { maxRecords: Math.min(HELD, keys / 10) })
  const ask = async (i: number): Promise<number> => (await cache.findByHash(hashOf(i))) === undefined ? 0 : 1
  let found = 0
  let full = NaN
  for (let first = 1; first <= keys; first += AT_ONCE) {
    if (Number.isNaN(full) && first > keys / 10) full = heapInUse()
    const answers = await Promise.all(Array.from({ length: Math.min(AT_ONCE, keys + 1 - first) }, (_, i) => ask(first + i)))
    for (const one of answers) found += one
  }
  return { reached: found / keys, reachGrowth: (heapInUse() - full) / 1024 }
}

function heapInUse (): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
