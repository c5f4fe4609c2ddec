import { isPrincipal, type Principal } from '../principal.js'
import { isThenable } from '../time.js'

/** Turns a credential into a principal. Keys and OAuth tokens each bring one; a host may bring its own. */
export interface Resolver {
  /** Name of the security scheme that routes state it by, such as `apiKey`. */
  readonly scheme: string
  /** The kind of all principals that this resolver makes. */
  readonly kind: Principal['kind']
  /** OpenAPI security scheme object. */
  readonly description: Readonly<Record<string, unknown>>
  /**
   * @param now milliseconds since the epoch
   * @returns the principal, or undefined when the credential is not of this resolver's form
   * @throws InvalidCredential when it is of its form but not good; any other error counts as an outage (503)
   */
  resolve (token: string, now: number): Principal | undefined | PromiseLike<Principal | undefined>
}

/** A credential of the right form that must not be let in. */
export class InvalidCredential extends Error {
  /** Public; only for callers who proved possession of the full secret. */
  readonly detail: string | undefined
  constructor (reason: string, detail?: string) {
    super(reason)
    this.name = 'InvalidCredential'
    this.detail = detail
  }
}

/** A text that no resolver takes for a credential of its own. */
export class UnknownForm extends InvalidCredential {
  constructor () {
    super('no resolver knows a credential of this form')
  }
}

/**
 * Asks the resolvers in turn; the first that knows the credential answers. Synchronous as long as they are.
 * @throws InvalidCredential when none knows it
 */
export function resolve (resolvers: readonly Resolver[], token: string, now: number, from = 0): Principal | Promise<Principal> {
  for (let i = from; i < resolvers.length; i++) {
    const resolver = resolvers[i]
    if (resolver === undefined) break
    const found = resolver.resolve(token, now)
    if (isThenable(found)) return resolveLater(found, resolvers, token, now, i)
    if (found !== undefined) return vouched(found, resolver)
  }
  throw new UnknownForm()
}

async function resolveLater (pending: PromiseLike<Principal | undefined>, resolvers: readonly Resolver[], token: string, now: number, at: number): Promise<Principal> {
  const found = await pending
  const resolver = resolvers[at]
  return found === undefined || resolver === undefined ? resolve(resolvers, token, now, at + 1) : vouched(found, resolver)
}

/** A resolver that answers something else than its kind of principal is broken, and nobody is let in by it. */
function vouched (found: unknown, { kind, scheme }: Resolver): Principal {
  if (!isPrincipal(found) || found.kind !== kind) throw new TypeError(`the resolver of ${scheme} did not answer a principal of kind ${kind}`)
  return Object.isFrozen(found) ? found : Object.freeze({ ...found, scopes: Object.freeze([...found.scopes]) })
}
