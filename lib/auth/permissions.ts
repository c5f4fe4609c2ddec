import { createClockCache, type CacheEntry } from '../core/clock-cache.js'
import { intern } from '../core/intern.js'
import { timeLookup } from '../core/lookup-channel.js'
import { show } from '../core/options.js'
import { freezePrincipal, type Principal } from '../core/principal.js'
import { isThenable, withTimeout } from '../core/clock.js'
import { EndedCredential } from './resolver.js'

/** Scopes of the owner; undefined or null when the owner is gone. */
type Answer = readonly string[] | undefined | null

/** The scopes that an owner has in a workspace now, as the host knows them. What it throws is an outage (503). */
export type PermissionsOf = (owner: string, workspace: string) => Answer | PromiseLike<Answer>

export interface PermissionsDeps {
  readonly permissionsOf: PermissionsOf
  /** Seconds that an answer is cached, from when it was asked for. */
  readonly maxAge: number
  /** All scopes that scopes grant, with what they imply. */
  readonly expand: (scopes: readonly string[]) => readonly string[]
  /** Seconds that the host may take. */
  readonly deadline: number
  /** Called once, with the first scope that is not declared in the catalogue. */
  readonly log?: ((reason: string, message: string) => void) | undefined
}

export interface Permissions {
  /**
   * Returns the principal with no more scopes than its owner has; one without an owner as it is. Synchronous while
   * the owner's permissions are cached.
   * @param fresh asks `permissionsOf` even where an answer is cached
   * @throws InvalidCredential when the owner is gone; whatever `permissionsOf` throws
   */
  bound (principal: Principal, now: number, fresh?: boolean): Principal | Promise<Principal>
  /** Drops the cached answer, so that the next request asks again. */
  forget (owner: string, workspace: string): void
}

/** An answer of the host. */
interface Grant extends CacheEntry {
  /** Valid before this instant, in milliseconds since the epoch; -Infinity once another answer replaced it. */
  until: number
  readonly from: number
  /** Number of the call that it answers: of two answers, the one that was asked for later is right. */
  readonly asked: number
  /** With the scopes that they imply; undefined when the owner is gone. */
  readonly scopes: readonly string[] | undefined
}

interface Bound { grant: Grant, readonly principal: Principal }

const MAX_OWNERS = 10_000
const GONE = 'The owner of the credential is gone.'

/** Limits each credential to the permissions that its owner has when it is used. */
export function createPermissions ({ permissionsOf, maxAge, expand, deadline, log }: PermissionsDeps): Permissions {
  const grants = createClockCache<Grant>(MAX_OWNERS, (grant) => { grant.until = -Infinity })
  const inFlight = new Map<string, Promise<Grant>>()
  /** Shared by requests while neither the principal nor its owner's permissions change. */
  const bounds = new WeakMap<Principal, Bound>()
  let questions = 0
  let warned = false

  const isGood = ({ from, until }: Grant, now: number): boolean => now >= from && now < until

  function grantOf (owner: string, workspace: string, now: number, fresh: boolean): Grant | Promise<Grant> {
    const name = nameOf(owner, workspace)
    const cached = grants.get(name)
    if (!fresh && cached !== undefined && isGood(cached, now)) return cached
    return (fresh ? undefined : inFlight.get(name)) ?? ask(name, owner, workspace, now)
  }

  function ask (name: string, owner: string, workspace: string, now: number): Grant | Promise<Grant> {
    const asked = ++questions
    const answer = timeLookup<unknown>('permissions', permissionsOf(owner, workspace))
    if (!isThenable(answer)) return store(name, read(answer, now, asked), now)
    const pending = withTimeout(answer, deadline, 'permissionsOf')
      .then((later) => store(name, read(later, now, asked), now))
      .finally(() => { if (inFlight.get(name) === pending) inFlight.delete(name) })
    inFlight.set(name, pending)
    return pending
  }

  /** Stores an answer, unless a later call was answered first or `forget` was called meanwhile. */
  function store (name: string, grant: Grant, now: number): Grant {
    const latest = grants.get(name)
    if (latest === undefined || latest.asked < grant.asked) {
      grants.set(name, grant)
      return grant
    }
    if (isGood(latest, now)) return latest
    grant.until = -Infinity
    return grant
  }

  function read (answer: unknown, now: number, asked: number): Grant {
    const grant = { from: now, until: now + maxAge * 1000, asked, used: false }
    if (answer === undefined || answer === null) return { ...grant, scopes: undefined }
    if (!isTexts(answer)) {
      throw new TypeError('permissionsOf must answer an array of scopes, or undefined when the owner is gone')
    }
    const unknown = warned ? undefined : answer.find((scope) => expand([scope]).length === 0)
    if (unknown !== undefined) {
      warned = true
      const reason = `${show(unknown)} is not declared`
      log?.(reason, 'permissionsOf answers a scope that grants nothing; this is logged once')
    }
    return { ...grant, scopes: intern(expand(answer)) }
  }

  function apply (principal: Principal, grant: Grant): Principal {
    const { scopes } = grant
    if (scopes === undefined) throw new EndedCredential(`${principal.id}: ${GONE}`, GONE)
    const before = bounds.get(principal)
    if (before?.grant.scopes === scopes) {
      before.grant = grant
      return before.principal
    }
    const permitted = new Set(scopes)
    const granted = expand(principal.scopes)
    const both = granted.filter((scope) => permitted.has(scope))
    const bound = both.length === granted.length ? principal : freezePrincipal({ ...principal, scopes: both })
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
      return grant instanceof Promise ? grant.then((later) => apply(principal, later)) : apply(principal, grant)
    },
    forget (owner, workspace) {
      const name = nameOf(owner, workspace)
      inFlight.delete(name)
      grants.set(name, { scopes: undefined, asked: ++questions, from: 0, until: -Infinity, used: false })
    }
  }
}

function nameOf (owner: string, workspace: string): string {
  return JSON.stringify([workspace, owner])
}

function isTexts (value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
