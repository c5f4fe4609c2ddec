import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage: unknown = runInNewContext('gc')

/** Bytes in use after what can be collected has been, which takes a few turns where streams end and weak maps empty. */
export async function heapUsed (): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    if (typeof collectGarbage === 'function') collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/**
 * The least of several growths, or the first below `most`: what the heap holds beside what is weighed differs from time to
 * time; what is never let go of grows each time.
 */
export async function leastGrowth (most: number, rounds: number, growth: () => Promise<number>): Promise<number> {
  let least = Infinity
  for (let round = 0; round < rounds && least >= most; round++) least = Math.min(least, await growth())
  return least
}
