import { createLocalJWKSet, errors, type CryptoKey, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { InvalidCredential } from '../auth/index.js'

/** The signature keys of one issuer. */
export interface IssuerKeys {
  /**
   * @param now milliseconds since the epoch
   * @throws InvalidCredential when the issuer publishes no such key; anything else when that can't be told now
   */
  find (header: JWSHeaderParameters, now: number): Promise<CryptoKey>
}

export interface KeysTerms {
  /** Seconds between two attempts to load, whatever asks for keys. */
  readonly cooldown: number
  /** Seconds after which keys are loaded again, beside the requests that they serve. */
  readonly maxAge: number
}

/** Seconds that keys go on while their issuer is down. */
const MAX_STALE = 86_400

/** Holds what `load` gives; asks for it once at a time and at most once a cool-down, whatever tokens name. */
export function createIssuerKeys (load: () => Promise<JSONWebKeySet>, { cooldown, maxAge }: KeysTerms): IssuerKeys {
  let held: ReturnType<typeof createLocalJWKSet> | undefined
  let heldSince = -Infinity
  let triedAt = -Infinity
  let failure: unknown
  let loading: Promise<void> | undefined

  function reload (now: number): Promise<void> | undefined {
    if (loading === undefined && Math.abs(now - triedAt) >= cooldown * 1000) {
      triedAt = now
      loading = renew(now)
    }
    return loading
  }

  async function renew (now: number): Promise<void> {
    try {
      held = createLocalJWKSet(await load())
      heldSince = now
      failure = undefined
    } catch (fault) {
      failure = fault
    }
    loading = undefined
  }

  async function look (header: JWSHeaderParameters, now: number): Promise<CryptoKey | undefined> {
    if (held === undefined || now - heldSince >= MAX_STALE * 1000) return undefined
    try {
      return await held(header)
    } catch (fault) {
      if (fault instanceof errors.JWKSNoMatchingKey) return undefined
      if (fault instanceof errors.JWKSMultipleMatchingKeys) throw new InvalidCredential('names no key, and several of its issuer would fit')
      throw fault
    }
  }

  return {
    async find (header, now) {
      const known = await look(header, now)
      if (known !== undefined) {
        if (now - heldSince >= maxAge * 1000) reload(now)
        return known
      }
      await reload(now)
      const found = await look(header, now)
      if (found !== undefined) return found
      if (failure !== undefined) throw failure
      throw new InvalidCredential('signed by a key that its issuer does not publish')
    }
  }
}
