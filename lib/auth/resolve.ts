import { isThenable } from '../core/clock.js'
import { isPrincipal, type Principal } from '../core/principal.js'
import type { CredentialPlace } from '../core/credential-place.js'
import { MAX_TOKEN_LENGTH, type CredentialSource } from './header.js'
import { UnknownForm, type Lookup, type Resolver } from './resolver.js'

/**
 * Asks the resolvers in order until one answers a principal. Synchronous as long as they are.
 * @throws InvalidCredential when none of them knows the credential
 */
export type Resolve = (token: string, lookup: Lookup) => Principal | Promise<Principal>

/** A place of a context, with the resolvers that are asked about credentials that came there. */
export interface ResolvingSource extends CredentialSource {
  readonly resolve: Resolve
  /** True where one of them answers from memory alone. */
  isCached (token: string, now: number): boolean
}

/** @param resolvers at least one */
export function createSource (place: CredentialPlace, resolvers: readonly Resolver[]): ResolvingSource {
  return {
    place,
    maxLength: Math.max(...resolvers.map(maxLengthOf)),
    dpop: resolvers.some(({ dpop }) => dpop !== undefined),
    resolve: createResolve(resolvers),
    isCached: (token, now) => resolvers.some((resolver) => resolver.isCached?.(token, now) === true)
  }
}

export function createResolve (resolvers: readonly Resolver[]): Resolve {
  const candidates = resolvers.map((resolver) => ({
    resolver, maxLength: maxLengthOf(resolver), verify: createVerification(resolver)
  }))

  function askFrom (first: number, token: string, lookup: Lookup): Principal | Promise<Principal> {
    const now = lookup.clock()
    for (let i = first; ; i++) {
      const candidate = candidates[i]
      if (candidate === undefined) throw new UnknownForm()
      const { resolver, maxLength, verify } = candidate
      if (token.length > maxLength || (lookup.dpop && resolver.dpop === undefined)) continue
      const found = resolver.resolve(token, now, lookup)
      if (isThenable(found)) {
        return Promise.resolve(found)
          .then((later) => later === undefined ? askFrom(i + 1, token, lookup) : verify(later))
      }
      if (found !== undefined) return verify(found)
    }
  }

  return (token, lookup) => askFrom(0, token, lookup)
}

function frozen (scopes: readonly string[]): readonly string[] {
  return Object.isFrozen(scopes) ? scopes : Object.freeze([...scopes])
}

function maxLengthOf ({ maxLength = MAX_TOKEN_LENGTH }: Resolver): number {
  return maxLength
}

/**
 * Checks what a resolver answers and sets the principal's `scheme`. A frozen principal is checked once, then shared.
 * @throws TypeError for anything but a principal of the resolver's kind, so that a broken resolver lets nobody in
 */
function createVerification ({ kind, scheme }: Resolver): (found: Principal) => Principal {
  const verified = new WeakMap<Principal, Principal>()

  return function verify (found) {
    const known = verified.get(found)
    if (known !== undefined) return known
    if (!isPrincipal(found) || found.kind !== kind) {
      throw new TypeError(`the resolver of ${scheme} did not answer a principal of kind ${kind}`)
    }
    const isShared = Object.isFrozen(found) && Object.isFrozen(found.scopes)
    const principal = isShared && found.scheme === scheme
      ? found
      : Object.freeze({ ...found, scheme, scopes: frozen(found.scopes) })
    if (!isPrincipal(principal)) throw new TypeError(`the principal of ${scheme} changed while it was read`)
    if (isShared) verified.set(found, principal)
    return principal
  }
}
