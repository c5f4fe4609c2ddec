import { InvalidCredential } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'

/** What a good token grants. Instants are in milliseconds since the epoch. */
export interface Grant {
  readonly principal: Principal
  /** Undefined where the token has no `exp`. */
  readonly expiresAt: number | undefined
  /** Thumbprint of the JWK whose possession its holder must prove; undefined for a bearer token. */
  readonly jkt: string | undefined
  /** When it must be verified again, because its issuer may have withdrawn the signing key. */
  readonly verifyAgainAt: number | undefined
}

/** The cache of good tokens. */
export interface CacheOptions {
  /** Tokens at once; the oldest go first. 10,000 by default. */
  size?: number | undefined
  /**
   * Seconds for which a good token is not verified again, from when its verification began; a withdrawn grant is
   * noticed after them. 60 by default for JWT, 10 for introspection; 0 caches nothing.
   */
  maxAge?: number | undefined
}

export interface TokenCacheDeps {
  /** @throws InvalidCredential when the token is not good; anything else when that can't be known now */
  readonly verify: (token: string, clock: Clock) => Promise<Grant>
  readonly cache: Readonly<Required<{ [Name in keyof CacheOptions]: number }>> | false
}

/** Good tokens, by their SHA-256 alone. */
export interface TokenCache {
  /** The grant of a token that was verified a moment ago. */
  get (tokenHash: string, now: number): Grant | undefined
  /** Verifies the token, or shares a verification in flight that is no older than a cached grant may be. */
  getOrVerify (token: string, tokenHash: string, clock: Clock): Promise<Grant>
  /** Verifies the token whatever is cached or in flight. */
  verifyUncached (token: string, tokenHash: string, clock: Clock): Promise<Grant>
}

interface CachedGrant extends Grant { readonly cachedAt: number, readonly cachedUntil: number }
interface Verification { readonly result: Promise<Grant>, readonly number: number, readonly startedAt: number }

export function createTokenCache ({ verify, cache }: TokenCacheDeps): TokenCache {
  const { size, maxAge } = cache === false ? { size: 1, maxAge: 0 } : cache
  const lifetime = maxAge * 1000
  const grants = new Map<string, CachedGrant>()
  const inFlight = new Map<string, Verification>()
  let started = 0

  function keep (tokenHash: string, grant: Grant, startedAt: number): void {
    const { expiresAt = Infinity, verifyAgainAt = Infinity } = grant
    const cachedUntil = Math.min(expiresAt, verifyAgainAt, startedAt + lifetime)
    if (cachedUntil <= startedAt) return
    grants.delete(tokenHash)
    const [oldest] = grants.keys()
    if (grants.size >= size && oldest !== undefined) grants.delete(oldest)
    grants.set(tokenHash, { ...grant, cachedAt: startedAt, cachedUntil })
  }

  async function verifyUncached (token: string, tokenHash: string, clock: Clock): Promise<Grant> {
    const startedAt = clock()
    try {
      const grant = await verify(token, clock)
      keep(tokenHash, grant, startedAt)
      return grant
    } catch (fault) {
      if (fault instanceof InvalidCredential) grants.delete(tokenHash)
      throw fault
    }
  }

  function startVerification (token: string, tokenHash: string, clock: Clock): Promise<Grant> {
    const startedAt = clock()
    const result = verifyUncached(token, tokenHash, clock).finally(() => {
      if (inFlight.get(tokenHash)?.result === result) inFlight.delete(tokenHash)
    })
    inFlight.set(tokenHash, { result, number: ++started, startedAt })
    return result
  }

  return {
    get (tokenHash, now) {
      const grant = grants.get(tokenHash)
      if (grant === undefined || (now >= grant.cachedAt && now < grant.cachedUntil)) return grant
      grants.delete(tokenHash)
      return undefined
    },

    async getOrVerify (token, tokenHash, clock) {
      const startedBefore = started
      /** One that started after this request came is as good as its own, however long it takes. */
      const isGood = ({ number, startedAt }: Verification): boolean =>
        number > startedBefore || Math.abs(clock() - startedAt) < lifetime
      let verification = inFlight.get(tokenHash)
      while (verification !== undefined && isGood(verification)) {
        const grant = await verification.result
        if (isGood(verification)) return grant
        verification = inFlight.get(tokenHash)
      }
      return await startVerification(token, tokenHash, clock)
    },

    verifyUncached
  }
}
