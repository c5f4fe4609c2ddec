import { RateLimited } from '../auth/index.js'
import { OptionError, show } from '../core/options.js'

/** Remembers used proofs. */
export interface ReplayStore {
  /**
   * @param proof unique to one proof
   * @param until milliseconds since the epoch, from which on the proof need not be remembered
   * @param holder thumbprint of the JWK that signed the proof; each has a budget of its own
   * @returns true the first time and false from then on
   * @throws RateLimited when the holder has used up its budget (429); any other error is an outage (503)
   */
  use (proof: string, until: number, now: number, holder: string): boolean | PromiseLike<boolean>
}

/** The store has no room for another proof: none of those that it has may be forgotten yet. */
export class ReplayStoreFull extends Error {
  override readonly name = 'ReplayStoreFull'
}

/** Proofs are forgotten by minutes: all whose `until` lies in one minute at once, without reading any of them. */
export const BUCKET_MS = 60_000

export const bucketOf = (until: number): number => Math.floor(until / BUCKET_MS)
export const endOf = (bucket: number): number => (bucket + 1) * BUCKET_MS

/** The refusal of a holder whose proofs of one minute are too many: later proofs count in the next minute. */
export function tooManyProofs (until: number): RateLimited {
  return new RateLimited('too many DPoP proofs of one JWK', Math.ceil((endOf(bucketOf(until)) - until) / 1000))
}

interface Bucket { readonly proofs: Set<string>, readonly holders: Map<string, number> }

/**
 * Used proofs in this process's memory.
 * @param size the most proofs at once; a full store lets nobody in (503), rather than a proof twice
 * @param perHolder the most proofs of one JWK a minute; further ones are 429 for that holder alone. A fiftieth of
 * `size` by default
 * @throws OptionError
 */
export function createMemoryReplayStore (size = 100_000, perHolder = Math.ceil(size / 50)): ReplayStore {
  checkCount(size, 'size')
  checkCount(perHolder, 'perHolder')
  const buckets = new Map<number, Bucket>()
  let remembered = 0

  function forgetBefore (now: number): void {
    for (const [number, { proofs }] of buckets) {
      if (endOf(number) > now) continue
      remembered -= proofs.size
      buckets.delete(number)
    }
  }

  return {
    use (proof, until, now, holder) {
      forgetBefore(now)
      const number = bucketOf(until)
      const bucket = buckets.get(number) ?? { proofs: new Set(), holders: new Map() }
      const { proofs, holders } = bucket
      if (proofs.has(proof)) return false
      const used = holders.get(holder) ?? 0
      if (used >= perHolder) throw tooManyProofs(until)
      if (remembered >= size) throw new ReplayStoreFull('too many proofs at once')
      proofs.add(proof)
      holders.set(holder, used + 1)
      buckets.set(number, bucket)
      remembered++
      return true
    }
  }
}

function checkCount (value: number, name: string): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new OptionError(`${name} of a replay store must be a whole number of at least 1, not ${show(value)}`)
}
