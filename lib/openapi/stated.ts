import { readStatement, type RouteAccess, type Security } from '../core/route-access.js'

/** What an operation of a document needs, and how the document says so. */
export interface Shown {
  readonly access: Pick<RouteAccess, 'mode' | 'alternatives'>
  readonly security: Security
}

/** The security of one context's routes, as their schemas show it. */
export interface StatedSecurity {
  /** What the schema of a route shows: its statement, or the default that applies where it makes none. */
  show (accesses: readonly RouteAccess[], given: unknown): Security
  /** What an operation needs, by the `security` its document has; undefined when another context guards it, or none. */
  find (security: unknown, method: string): Shown | undefined
  /**
   * Runs `write` while spreading a shown security gives nothing. For @fastify/swagger, which spreads the security of
   * every operation to look its schemes up in the host's options, and fails where a scheme is not written there.
   */
  quietly<T> (write: () => T): T
}

/** By the array that a document carries on: which context showed it, and by method for what. */
const origins = new WeakMap<object, { readonly context: object, readonly byMethod: ReadonlyMap<string, Shown> }>()

/** @param schemes names of the security schemes that this context authenticates by */
export function createStatedSecurity (schemes: readonly string[]): StatedSecurity {
  const context = {}
  const quiet = new Set<object>()

  function show (accesses: readonly RouteAccess[], given: unknown): Security {
    const byMethod = new Map(accesses.map((access) => [access.method, { access, security: securityOf(access, schemes) }]))
    const [first = []] = [...byMethod.values()].map(({ security }) => security)
    for (const { security } of byMethod.values()) origins.set(security, { context, byMethod })
    if (Array.isArray(given)) quiet.add(given)
    quiet.add(first)
    return first
  }

  function find (security: unknown, method: string): Shown | undefined {
    if (!Array.isArray(security)) return undefined
    const origin = origins.get(security)
    if (origin?.context === context) return origin.byMethod.get(method)
    return origin === undefined ? read(security.slice()) : undefined
  }

  /** A document that was copied, or a route that was there before: the statement is all there is. */
  function read (security: Security): Shown | undefined {
    const faults: string[] = []
    const access = readStatement(security, faults)
    const ours = access.alternatives.every(({ scheme }) => schemes.includes(scheme))
    return ours && faults.length === 0 && access.alternatives.length > 0 ? { access, security } : undefined
  }

  function quietly<T> (write: () => T): T {
    for (const security of quiet) Reflect.defineProperty(security, Symbol.iterator, { value: nothing, configurable: true })
    try {
      return write()
    } finally {
      for (const security of quiet) Reflect.deleteProperty(security, Symbol.iterator)
    }
  }

  return { show, find, quietly }
}

function securityOf ({ mode, alternatives }: RouteAccess, schemes: readonly string[]): Security {
  if (mode === 'open') return []
  const wanted = alternatives.length > 0 ? alternatives : schemes.map((scheme) => ({ scheme, scopes: [] }))
  const security = wanted.map(({ scheme, scopes }) => ({ [scheme]: scopes }))
  return mode === 'optional' ? [...security, {}] : security
}

function * nothing (): Generator<never> {}
