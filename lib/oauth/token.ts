import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { InvalidCredential, type Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import type { BoundTokens } from './dpop.js'

/** What a good token grants, whoever said that it is good. */
export interface Grant {
  readonly principal: Principal
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined
  /** Thumbprint of the key that its holder must prove to have; undefined for a bearer token. */
  readonly jkt: string | undefined
}

export interface CacheOptions {
  /** Tokens held at once; the oldest are forgotten. 10,000 by default. */
  size?: number | undefined
  /** Seconds that a token is not looked at again; a withdrawn signature key or grant is noticed after them. */
  maxAge?: number | undefined
}

export interface TokenTerms {
  /** False for a text that begins like nothing of this resolver: what a request pays for a token that is held. */
  readonly mayClaim: (token: string) => boolean
  /** True for a text of this resolver's form. */
  readonly claims: (token: string) => boolean
  /** @throws InvalidCredential when it is not good; anything else when nobody can tell now */
  readonly verify: (token: string, now: number) => Promise<Grant>
  readonly cache: Readonly<Required<{ [Name in keyof CacheOptions]: number }>> | false
  /** Undefined where bound tokens are not taken. */
  readonly dpop: BoundTokens | undefined
  /** What the owner of the token may do at most. */
  readonly bound: (principal: Principal, now: number, fresh: boolean) => Principal | Promise<Principal>
}

interface Held { readonly grant: Grant, readonly until: number }

/**
 * Token → what is known of it → proof of possession → permissions of its owner. Tokens are known by their SHA-256
 * alone, the whole of them; what is known already is answered synchronously.
 */
export function createTokenResolver ({ mayClaim, claims, verify, cache, dpop, bound }: TokenTerms): Resolver['resolve'] {
  const held = new Map<string, Held>()
  const pending = new Map<string, Promise<Grant>>()

  function recall (name: string, now: number): Grant | undefined {
    const found = held.get(name)
    if (found === undefined || now < found.until) return found?.grant
    held.delete(name)
    return undefined
  }

  async function load (token: string, name: string, now: number): Promise<Grant> {
    const grant = await verify(token, now)
    if (cache !== false) {
      const { size, maxAge } = cache
      const [oldest] = held.keys()
      if (held.size >= size && oldest !== undefined) held.delete(oldest)
      held.set(name, { grant, until: Math.min(grant.expiresAt ?? Infinity, now + maxAge * 1000) })
    }
    return grant
  }

  /** Those that come at once with one token are answered by one look at it. */
  function share (token: string, name: string, now: number): Promise<Grant> {
    const under = pending.get(name)
    if (under !== undefined) return under
    const work = load(token, name, now).finally(() => pending.delete(name))
    pending.set(name, work)
    return work
  }

  function admit ({ principal, jkt }: Grant, name: string, now: number, fresh: boolean, request: FastifyRequest | undefined): Principal | Promise<Principal> {
    if (jkt === undefined && request === undefined) return bound(principal, now, fresh)
    if (jkt === undefined || request === undefined || dpop === undefined) {
      throw new InvalidCredential(jkt === undefined ? 'a bearer token sent as DPoP' : 'a bound token sent as Bearer')
    }
    return dpop.check(request, { jkt, ath: name, now }).then(() => bound(principal, now, fresh))
  }

  return function resolve (token, now, fresh = false, request) {
    if (!mayClaim(token)) return undefined
    const name = hash('sha256', token, 'base64url')
    const known = fresh ? undefined : recall(name, now)
    if (known !== undefined) return admit(known, name, now, fresh, request)
    if (!claims(token)) return undefined
    return (fresh ? load(token, name, now) : share(token, name, now)).then((grant) => admit(grant, name, now, fresh, request))
  }
}
