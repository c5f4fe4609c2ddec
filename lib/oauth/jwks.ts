import { createLocalJWKSet, errors, type CryptoKey, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { InvalidCredential } from '../auth/index.js'
import type { Clock } from '../core/clock.js'

export interface FoundSigningKey {
  readonly signingKey: CryptoKey
  /** Milliseconds since the epoch: by then its issuer may have withdrawn it. */
  readonly loadAgainAt: number
}

/** The JSON Web Key Set of one issuer. */
export interface Jwks {
  /** @throws InvalidCredential when the issuer publishes no such signing key; anything else when it can't be asked */
  find (header: JWSHeaderParameters, clock: Clock): Promise<FoundSigningKey>
  /** Loads the set before it is needed. @returns whether it is there */
  load (clock: Clock): Promise<boolean>
}

export interface JwksOptions {
  /** Seconds between two attempts to load, whatever tokens name; `maxAge` where that is less. */
  readonly cooldown: number
  /** Seconds after which the set is not used unless it was loaded again; from half of them on it is, in background. */
  readonly maxAge: number
}

/** Seconds for which signing keys are used while their issuer does not answer. */
const MAX_STALE = 86_400

/**
 * Caches what `load` gives. It loads one set at a time and at most one in a cool-down. After a failure it loads in
 * background: an issuer that hangs holds up no token whose signing key is cached.
 */
export function createJwks (load: () => Promise<JSONWebKeySet>, { cooldown, maxAge }: JwksOptions): Jwks {
  const lifetime = maxAge * 1000
  const pause = Math.min(cooldown, maxAge) * 1000
  let cached: ReturnType<typeof createLocalJWKSet> | undefined
  let loadedAt = -Infinity
  let triedAt = -Infinity
  let failedAt = -Infinity
  let failure: unknown
  let inFlight: Promise<void> | undefined

  function reload (clock: Clock): Promise<void> | undefined {
    const now = clock()
    if (inFlight === undefined && distance(now, triedAt) >= pause) {
      triedAt = now
      inFlight = loadNow(now, clock).finally(() => { inFlight = undefined })
    }
    return inFlight
  }

  async function loadNow (startedAt: number, clock: Clock): Promise<void> {
    try {
      cached = createLocalJWKSet(await load())
      loadedAt = startedAt
      failedAt = -Infinity
      failure = undefined
    } catch (fault) {
      failure = fault
      failedAt = clock()
    }
  }

  async function reloadIfOld (clock: Clock): Promise<void> {
    const now = clock()
    const age = distance(now, loadedAt)
    if (age < lifetime / 2) return
    const loaded = reload(clock)
    if (age >= lifetime && distance(now, failedAt) >= 2 * pause) await loaded
    else loaded?.catch(ignore)
  }

  async function findCached (header: JWSHeaderParameters, clock: Clock): Promise<FoundSigningKey | undefined> {
    if (cached === undefined || distance(clock(), loadedAt) >= MAX_STALE * 1000) return undefined
    const loadAgainAt = Math.max(loadedAt + lifetime, failure === undefined ? -Infinity : triedAt + pause)
    try {
      return { signingKey: await cached(header), loadAgainAt }
    } catch (fault) {
      if (fault instanceof errors.JWKSNoMatchingKey) return undefined
      if (fault instanceof errors.JWKSMultipleMatchingKeys) {
        throw new InvalidCredential('names no signing key, and several would fit')
      }
      throw fault
    }
  }

  return {
    async load (clock) {
      await reloadIfOld(clock)
      return failure === undefined
    },
    async find (header, clock) {
      await reloadIfOld(clock)
      const known = await findCached(header, clock)
      if (known !== undefined) return known
      await reload(clock)
      const found = await findCached(header, clock)
      if (found !== undefined) return found
      if (failure !== undefined) throw failure
      throw new InvalidCredential('its issuer does not publish its signing key')
    }
  }
}

/** In background nobody waits for a clock of the host that throws. */
function ignore (): void {}

/** Absolute, so that a clock that was set back makes a cached set old too. */
function distance (one: number, other: number): number {
  return Math.abs(one - other)
}
