import { createLocalJWKSet, errors, type CryptoKey, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { InvalidCredential } from '../auth/index.js'
import type { Clock } from '../core/clock.js'

export interface FoundKey {
  readonly key: CryptoKey
  /** Milliseconds since the epoch: from then on it must be asked for again, since its issuer may have withdrawn it. */
  readonly until: number
}

/** The signature keys of one issuer. */
export interface IssuerKeys {
  /** @throws InvalidCredential when the issuer publishes no such key; anything else when that can't be told now */
  find (header: JWSHeaderParameters, clock: Clock): Promise<FoundKey>
}

export interface KeysTerms {
  /** Seconds between two attempts to load, whatever asks for keys; `maxAge` where that is less. */
  readonly cooldown: number
  /** Seconds after which nothing goes by a key set that was not loaded again; from half of them on, that is tried beside the requests. */
  readonly maxAge: number
}

/** Seconds that keys go on while their issuer does not answer. */
const MAX_STALE = 86_400

/**
 * Holds what `load` gives; asks for it once at a time and at most once a cool-down, whatever tokens name. An issuer that
 * failed a moment ago is asked beside the requests, so that one that hangs holds up nobody whose key is known.
 */
export function createIssuerKeys (load: () => Promise<JSONWebKeySet>, { cooldown, maxAge }: KeysTerms): IssuerKeys {
  const life = maxAge * 1000
  const pause = Math.min(cooldown, maxAge) * 1000
  let held: ReturnType<typeof createLocalJWKSet> | undefined
  let heldSince = -Infinity
  let triedAt = -Infinity
  let failedAt = -Infinity
  let failure: unknown
  let loading: Promise<void> | undefined

  function reload (clock: Clock): Promise<void> | undefined {
    const now = clock()
    if (loading === undefined && distance(now, triedAt) >= pause) {
      triedAt = now
      loading = renew(now, clock)
    }
    return loading
  }

  async function renew (since: number, clock: Clock): Promise<void> {
    try {
      held = createLocalJWKSet(await load())
      heldSince = since
      failedAt = -Infinity
      failure = undefined
    } catch (fault) {
      failedAt = clock()
      failure = fault
    }
    loading = undefined
  }

  async function keepYoung (clock: Clock): Promise<void> {
    const now = clock()
    const age = distance(now, heldSince)
    if (age < life / 2) return
    const loaded = reload(clock)
    if (age >= life && distance(now, failedAt) >= 2 * pause) await loaded
  }

  async function look (header: JWSHeaderParameters, clock: Clock): Promise<FoundKey | undefined> {
    if (held === undefined || distance(clock(), heldSince) >= MAX_STALE * 1000) return undefined
    const until = Math.max(heldSince + life, failure === undefined ? -Infinity : triedAt + pause)
    try {
      return { key: await held(header), until }
    } catch (fault) {
      if (fault instanceof errors.JWKSNoMatchingKey) return undefined
      if (fault instanceof errors.JWKSMultipleMatchingKeys) throw new InvalidCredential('names no key, and several of its issuer would fit')
      throw fault
    }
  }

  return {
    async find (header, clock) {
      await keepYoung(clock)
      const known = await look(header, clock)
      if (known !== undefined) return known
      await reload(clock)
      const found = await look(header, clock)
      if (found !== undefined) return found
      if (failure !== undefined) throw failure
      throw new InvalidCredential('signed by a key that its issuer does not publish')
    }
  }
}

/** A clock that was set back makes what is held old as well. */
function distance (one: number, other: number): number {
  return Math.abs(one - other)
}
