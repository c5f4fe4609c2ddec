import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { InvalidCredential, type Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import type { Clock } from '../time.js'
import type { BoundTokens } from './dpop.js'
import { createLooks, type Grant, type LookTerms } from './looks.js'

export interface TokenTerms extends LookTerms {
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
export function createTokenResolver ({ mayClaim, claims, dpop, bound, ...terms }: TokenTerms): Resolver['resolve'] {
  const { recall, share, look } = createLooks(terms)

  function admit ({ principal, jkt }: Grant, name: string, clock: Clock, fresh: boolean, request: FastifyRequest | undefined): Principal | Promise<Principal> {
    if (jkt === undefined && request === undefined) return bound(principal, clock(), fresh)
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

  return function resolve (token, now, fresh = false, request = undefined, clock = () => now) {
    if (!mayClaim(token)) return undefined
    const name = hash('sha256', token, 'base64url')
    const known = fresh ? undefined : recall(name, now)
    if (known !== undefined) {
      const admitted = admit(known, name, clock, fresh, request)
      return admitted instanceof Promise ? settle(admitted, known, clock) : admitted
    }
    if (!claims(token)) return undefined
    return (fresh ? look : share)(token, name, clock).then((grant) => settle(admit(grant, name, clock, fresh, request), grant, clock))
  }
}
