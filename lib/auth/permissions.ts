import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import { intern } from '../core/intern.js'
import { show } from '../core/options.js'
import { sealPrincipal, type Principal } from '../core/principal.js'
import { isThenable, withTimeout } from '../core/clock.js'
import { InvalidCredential } from './resolver.js'

/** Scopes, those that imply others included; undefined or null when the owner is gone. */
type Answer = readonly string[] | undefined | null

/** What an owner may do in a workspace now, as the host knows it. What it throws is an outage (503). */
export type PermissionsOf = (owner: string, workspace: string) => Answer | PromiseLike<Answer>

export interface PermissionsDeps {
  readonly permissionsOf: PermissionsOf
  /** Seconds for which an answer holds, from when it was asked for. */
  readonly maxAge: number
  /** All scopes that scopes grant, with what they imply. */
  readonly expand: (scopes: readonly string[]) => readonly string[]
  /** Seconds that the host may take. */
  readonly deadline: number
  /** Hears, once, of scopes in an answer that nobody has declared. */
  readonly log?: ((reason: string, message: string) => void) | undefined
}

export interface Permissions {
  /**
   * A principal with no more scopes than its owner has; without an owner it acts for itself. Synchronous while the
   * owner's permissions are held.
   * @param fresh what the owner may do now, whatever is held of it
   * @throws InvalidCredential when the owner is gone; whatever `permissionsOf` throws
   */
  bound (principal: Principal, now: number, fresh?: boolean): Principal | Promise<Principal>
  /** Lets the next request ask again. */
  forget (owner: string, workspace: string): void
}

/** What an owner was found to have. */
interface Grant extends CacheEntry {
  /** Good before this instant; -Infinity once it has left the map. */
  until: number
  readonly from: number
  /** With what they imply; undefined when the owner is gone. */
  readonly scopes: readonly string[] | undefined
}

interface Bound { grant: Grant, readonly principal: Principal }

/** Owners whose permissions are held at most. */
const MAX_OWNERS = 10_000
const GONE = 'The owner of the credential is gone.'

/** Bounds the credentials of every owner by the permissions that the owner has while they are used. */
export function createPermissions ({ permissionsOf, maxAge, expand, deadline, log }: PermissionsDeps): Permissions {
  const grants = createClockCache<Grant>(MAX_OWNERS, (grant) => { grant.until = -Infinity })
  const flights = new Map<string, Promise<Grant>>()
  /** What requests share, as long as neither the principal nor the permissions of its owner are others. */
  const bounds = new WeakMap<Principal, Bound>()
  let warned = false

  const isGood = ({ from, until }: Grant, now: number): boolean => now >= from && now < until

  function grantOf (owner: string, workspace: string, now: number, fresh: boolean): Grant | Promise<Grant> {
    const name = nameOf(owner, workspace)
    const held = grants.get(name)
    if (!fresh && held !== undefined && isGood(held, now)) return held
    const flight = flights.get(name)
    if (!fresh && flight !== undefined) return flight
    const asked: unknown = permissionsOf(owner, workspace)
    return isThenable(asked) ? share(name, asked, now) : keep(name, asked, now)
  }

  function share (name: string, asked: PromiseLike<unknown>, now: number): Promise<Grant> {
    const flight: Promise<Grant> = withTimeout(asked, deadline, 'permissionsOf').then(
      (answer) => flights.get(name) === flight ? keep(name, answer, now) : { ...read(answer, now), until: -Infinity })
    const land = (): void => { if (flights.get(name) === flight) flights.delete(name) }
    flights.set(name, flight)
    flight.then(land, land)
    return flight
  }

  function keep (name: string, answer: unknown, now: number): Grant {
    const grant = read(answer, now)
    grants.set(name, grant)
    return grant
  }

  function read (answer: unknown, now: number): Grant {
    const until = now + maxAge * 1000
    if (answer === undefined || answer === null) return { scopes: undefined, from: now, until, used: false }
    if (!isTexts(answer)) throw new TypeError('permissionsOf must answer an array of scopes, or undefined when the owner is gone')
    const unknown = warned ? undefined : answer.find((scope) => expand([scope]).length === 0)
    if (unknown !== undefined) {
      warned = true
      log?.(`${show(unknown)} is not declared`, 'permissionsOf answers a scope that grants nothing; this is said once')
    }
    return { scopes: intern(expand(answer)), from: now, until, used: false }
  }

  function apply (principal: Principal, grant: Grant): Principal {
    const { scopes } = grant
    if (scopes === undefined) throw new InvalidCredential(`${principal.id}: ${GONE}`, GONE)
    const before = bounds.get(principal)
    if (before?.grant.scopes === scopes) {
      before.grant = grant
      return before.principal
    }
    const permitted = new Set(scopes)
    const granted = expand(principal.scopes)
    const both = granted.filter((scope) => permitted.has(scope))
    const bound = both.length === granted.length ? principal : sealPrincipal({ ...principal, scopes: intern(both) })
    bounds.set(principal, { grant, principal: bound })
    return bound
  }

  return {
    bound (principal, now, fresh = false) {
      const { owner, workspace } = principal
      if (owner === undefined) return principal
      const before = fresh ? undefined : bounds.get(principal)
      if (before !== undefined && isGood(before.grant, now)) {
        before.grant.used = true
        return before.principal
      }
      const grant = grantOf(owner, workspace, now, fresh)
      return isThenable(grant) ? grant.then((later) => apply(principal, later)) : apply(principal, grant)
    },
    forget (owner, workspace) {
      const name = nameOf(owner, workspace)
      grants.delete(name)
      flights.delete(name)
    }
  }
}

function nameOf (owner: string, workspace: string): string {
  return JSON.stringify([workspace, owner])
}

function isTexts (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
