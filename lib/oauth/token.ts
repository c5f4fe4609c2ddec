import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { InvalidCredential, type Resolver } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'
import type { BoundTokens } from './dpop.js'
import { createTokenCache, type Grant, type TokenCacheDeps } from './token-cache.js'

export interface TokenTerms extends TokenCacheDeps {
  /** False for a text that begins like nothing of this resolver: what a request pays for a token that is held. */
  readonly mayClaim: (token: string) => boolean
  /** True for a text of this resolver's form. */
  readonly claims: (token: string) => boolean
  /** Undefined where bound tokens are not taken. */
  readonly dpop: BoundTokens | undefined
  /** What the owner of the token may do at most. */
  readonly bound: (principal: Principal, now: number, fresh: boolean) => Principal | Promise<Principal>
}

/**
 * Token → what is known of it → proof of possession → permissions of its owner. Tokens are known by their SHA-256
 * alone, the whole of them; what is known already is answered synchronously.
 */
export function createTokenResolver (face: Omit<Resolver, 'resolve'>, { mayClaim, claims, dpop, bound, ...terms }: TokenTerms): Resolver {
  const { recall, share, look } = createTokenCache(terms)

  /** @param now when it was found to be good */
  function admit ({ principal, jkt }: Grant, name: string, now: number, clock: Clock, fresh: boolean, request: FastifyRequest | undefined): Principal | Promise<Principal> {
    if (jkt === undefined && request === undefined) return bound(principal, now, fresh)
    if (jkt === undefined || request === undefined || dpop === undefined) {
      throw new InvalidCredential(jkt === undefined ? 'a bearer token sent as DPoP' : 'a bound token sent as Bearer')
    }
    return dpop.check(request, { jkt, ath: name, clock }).then(() => bound(principal, clock(), fresh))
  }

  /** What was waited for may have outlasted the token. */
  async function settle (admitted: Principal | Promise<Principal>, { expiresAt = Infinity }: Grant, clock: Clock): Promise<Principal> {
    const principal = await admitted
    if (clock() >= expiresAt) throw new InvalidCredential('expired while it was looked at')
    return principal
  }

  function recallAs (name: string, now: number, clock: Clock, request: FastifyRequest | undefined): Principal | Promise<Principal> | undefined {
    const known = recall(name, now)
    if (known === undefined) return undefined
    const admitted = admit(known, name, now, clock, false, request)
    return admitted instanceof Promise ? settle(admitted, known, clock) : admitted
  }

  return {
    ...face,
    ...dpop !== undefined && { dpop: dpop.algorithms },
    resolve (token, now, { fresh, clock, ...lookup }) {
      const request = lookup.dpop ? lookup.request : undefined
      if (!mayClaim(token)) return undefined
      const name = nameOf(token)
      const known = fresh ? undefined : recallAs(name, now, clock, request)
      if (known !== undefined) return known
      if (!claims(token)) return undefined
      return (fresh ? look : share)(token, name, clock).then((grant) => settle(admit(grant, name, clock(), clock, fresh, request), grant, clock))
    }
  }
}

function nameOf (token: string): string {
  return hash('sha256', token, 'base64url')
}
