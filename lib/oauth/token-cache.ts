import { InvalidCredential } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'

/** What a good token grants, whoever said that it is good. */
export interface Grant {
  readonly principal: Principal
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined
  /** Thumbprint of the key that its holder must prove to have; undefined for a bearer token. */
  readonly jkt: string | undefined
  /** Milliseconds since the epoch: what it was found good by must be looked at again from then on; undefined for nothing. */
  readonly until: number | undefined
}

export interface CacheOptions {
  /** Tokens held at once; the oldest are forgotten. 10,000 by default. */
  size?: number | undefined
  /** Seconds that a token is not looked at again, from when that began; a withdrawn grant is noticed after them. 0 holds nothing. */
  maxAge?: number | undefined
}

export interface TokenCacheDeps {
  /** @throws InvalidCredential when it is not good; anything else when nobody can tell now */
  readonly verify: (token: string, clock: Clock) => Promise<Grant>
  readonly cache: Readonly<Required<{ [Name in keyof CacheOptions]: number }>> | false
}

/** Looks at tokens: each is known by a name, its SHA-256. */
export interface TokenCache {
  /** What was found a moment ago. */
  recall (name: string, now: number): Grant | undefined
  /** What is found now; those that come while somebody looks share the answer as long as it is no older than one that is held. */
  share (token: string, name: string, clock: Clock): Promise<Grant>
  /** What is found now, by a look of one's own. */
  look (token: string, name: string, clock: Clock): Promise<Grant>
}

/** Holds the grant itself, not beside it: what a request looks at is in one place. */
interface Held extends Grant { readonly heldFrom: number, readonly leasedUntil: number }
interface Flight { readonly work: Promise<Grant>, readonly turn: number, readonly from: number }

export function createTokenCache ({ verify, cache }: TokenCacheDeps): TokenCache {
  const { size, maxAge } = cache === false ? { size: 1, maxAge: 0 } : cache
  const life = maxAge * 1000
  const held = new Map<string, Held>()
  const flights = new Map<string, Flight>()
  let turn = 0

  function keep (name: string, grant: Grant, from: number): void {
    const { principal, expiresAt, jkt, until } = grant
    const leasedUntil = Math.min(expiresAt ?? Infinity, until ?? Infinity, from + life)
    if (leasedUntil <= from) return
    held.delete(name)
    const [oldest] = held.keys()
    if (held.size >= size && oldest !== undefined) held.delete(oldest)
    held.set(name, { principal, expiresAt, jkt, until, heldFrom: from, leasedUntil })
  }

  async function look (token: string, name: string, clock: Clock): Promise<Grant> {
    const from = clock()
    try {
      const grant = await verify(token, clock)
      keep(name, grant, from)
      return grant
    } catch (fault) {
      if (fault instanceof InvalidCredential) held.delete(name)
      throw fault
    }
  }

  function begin (token: string, name: string, clock: Clock): Promise<Grant> {
    const from = clock()
    const work = look(token, name, clock).finally(() => {
      if (flights.get(name)?.work === work) flights.delete(name)
    })
    flights.set(name, { work, turn: ++turn, from })
    return work
  }

  return {
    recall (name, now) {
      const found = held.get(name)
      if (found === undefined || (now >= found.heldFrom && now < found.leasedUntil)) return found
      held.delete(name)
      return undefined
    },

    async share (token, name, clock) {
      const arrived = turn
      /** One that began after this request came is as good as its own, however long it takes. */
      const isGood = (flight: Flight): boolean => flight.turn > arrived || Math.abs(clock() - flight.from) < life
      for (let flight = flights.get(name); flight !== undefined && isGood(flight); flight = flights.get(name)) {
        const grant = await flight.work
        if (isGood(flight)) return grant
      }
      return await begin(token, name, clock)
    },

    look
  }
}
