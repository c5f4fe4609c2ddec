import { hash } from 'node:crypto'
import { InvalidCredential, type Lookup, type Resolver } from '../auth/index.js'
import type { Principal } from '../core/principal.js'
import type { DpopVerifier } from './dpop.js'
import { createTokenCache, type Grant, type TokenCacheDeps } from './token-cache.js'

export interface TokenResolverDeps extends TokenCacheDeps {
  /** The form of a token; undefined where any text may be one. A cached token is recognised by its prefix alone. */
  readonly form: { readonly prefix: string, readonly pattern: RegExp } | undefined
  /** Undefined where sender-constrained tokens are refused. */
  readonly dpop: DpopVerifier | undefined
  /** Bounds a principal by the permissions of its owner. */
  readonly bound: (principal: Principal, now: number, fresh: boolean) => Principal | Promise<Principal>
}

/**
 * Token → cached or verified grant → proof of possession → permissions of the owner. A cached bearer token is answered
 * synchronously.
 */
export function createTokenResolver (description: Omit<Resolver, 'resolve'>, deps: TokenResolverDeps): Resolver {
  const { form, dpop, bound } = deps
  const { get, getOrVerify, verifyUncached } = createTokenCache(deps)

  function admit (grant: Grant, tokenHash: string, now: number, lookup: Lookup): Principal | Promise<Principal> {
    const { principal, jkt } = grant
    const { request, fresh, clock } = lookup
    if (jkt === undefined && lookup.dpop) throw new InvalidCredential('a bearer token sent as DPoP')
    if (jkt === undefined) return bound(principal, now, fresh)
    if (!lookup.dpop || dpop === undefined) throw new InvalidCredential('a sender-constrained token sent as Bearer')
    return dpop.check(request, { jkt, ath: tokenHash, clock }).then(() => bound(principal, clock(), fresh))
  }

  /** A wait may outlast the token. */
  function checkExpiry (principal: Principal, { expiresAt = Infinity }: Grant, { clock }: Lookup): Principal {
    if (clock() >= expiresAt) throw new InvalidCredential('expired while it was verified')
    return principal
  }

  const mayBeOurs = (token: string): boolean => form === undefined || token.startsWith(form.prefix)

  return {
    ...description,
    ...dpop !== undefined && { dpop: dpop.algorithms },
    isCached: (token, now) => mayBeOurs(token) && get(hash('sha256', token, 'base64url'), now) !== undefined,
    resolve (token, now, lookup) {
      const { fresh, clock } = lookup
      if (!mayBeOurs(token)) return undefined
      const tokenHash = hash('sha256', token, 'base64url')
      const cached = fresh ? undefined : get(tokenHash, now)
      if (cached !== undefined) {
        const admitted = admit(cached, tokenHash, now, lookup)
        return admitted instanceof Promise ? admitted.then((later) => checkExpiry(later, cached, lookup)) : admitted
      }
      if (form !== undefined && !form.pattern.test(token)) return undefined
      const verified = fresh ? verifyUncached(token, tokenHash, clock) : getOrVerify(token, tokenHash, clock)
      return verified.then(async (grant) =>
        checkExpiry(await admit(grant, tokenHash, clock(), lookup), grant, lookup))
    }
  }
}
