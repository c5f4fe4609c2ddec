import { InvalidCredential } from '../auth/index.js'
import { sealPrincipal, type Principal } from '../principal.js'
import { isThenable, type Clock } from '../time.js'

type Permissions = readonly string[] | undefined | null

/**
 * What a user may do at most, now: scopes, those that imply others included. Undefined or null: the user is gone, and with it
 * every token that acts for it. What it throws is an outage (503).
 */
export type PermissionsOf = (owner: string, workspace: string) => Permissions | PromiseLike<Permissions>

export interface PermissionsTerms {
  readonly permissionsOf: PermissionsOf
  /** All scopes that scopes grant: the catalogue's. */
  readonly expand: (scopes: readonly string[]) => readonly string[]
  /** Seconds that an answer holds. */
  readonly maxAge: number
}

interface Answer { readonly permissions: Permissions, readonly until: ReturnType<Clock>, readonly bounded: WeakMap<Principal, Principal> }

/** Answers remembered at once; the oldest are forgotten. */
const ANSWERS = 10_000

/** Cuts principals down to what their owners may do. Principals without an owner act for themselves. */
export function createPermissions ({ permissionsOf, expand, maxAge }: PermissionsTerms) {
  const answers = new Map<string, Answer>()
  const flights = new Map<string, Promise<Answer>>()

  function keep (name: string, permissions: Permissions, now: number): Answer {
    const answer = { permissions, until: now + maxAge * 1000, bounded: new WeakMap<Principal, Principal>() }
    const [oldest] = answers.keys()
    if (answers.size >= ANSWERS && oldest !== undefined) answers.delete(oldest)
    answers.delete(name)
    answers.set(name, answer)
    return answer
  }

  function cut (principal: Principal, { permissions, bounded }: Answer): Principal {
    if (permissions === undefined || permissions === null) throw new InvalidCredential(`principal ${principal.id}: its owner is gone`)
    const known = bounded.get(principal)
    if (known !== undefined) return known
    const allowed = new Set(expand(permissions))
    const within = principal.scopes.every((scope) => expand([scope]).every((one) => allowed.has(one)))
    const scopes = within ? principal.scopes : Object.freeze(expand(principal.scopes).filter((scope) => allowed.has(scope)))
    const less = sealPrincipal({ ...principal, scopes })
    bounded.set(principal, less)
    return less
  }

  return function bound (principal: Principal, now: number, fresh: boolean): Principal | Promise<Principal> {
    const { owner, workspace } = principal
    if (owner === undefined) return principal
    const name = JSON.stringify([owner, workspace])
    const held = fresh ? undefined : answers.get(name)
    if (held !== undefined && now < held.until) return cut(principal, held)
    const under = fresh ? undefined : flights.get(name)
    if (under !== undefined) return under.then((answer) => cut(principal, answer))
    const found = permissionsOf(owner, workspace)
    if (!isThenable(found)) return cut(principal, keep(name, found, now))
    const flight = Promise.resolve(found).then((permissions) => keep(name, permissions, now)).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight.then((answer) => cut(principal, answer))
  }
}
