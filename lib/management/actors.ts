import type { FastifyRequest } from 'fastify'
import { AccessError, describeFault, type RefusalCode } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'
import { isPrincipal, principalOf, type Principal } from '../core/principal.js'
import { withTimeout } from '../core/clock.js'
import type { Keys } from '../keys/index.js'

/** A workspace that a caller may act in. */
export interface ManagedWorkspace {
  readonly id: string
  /** For people. */
  readonly name?: string | undefined
}

type Awaitable<T> = T | Promise<T>

/** Who may use routes of management, and where. */
export interface ActorOptions {
  /**
   * Further workspaces that a caller may act in, with the scopes that it has in its own; none by default. Has one
   * second to answer.
   */
  workspacesOf?: ((principal: Principal, request: FastifyRequest) =>
  Awaitable<ReadonlyArray<string | ManagedWorkspace>>) | undefined
  /**
   * Who acts, for hosts whose users are signed in by a session of the host: the routes then take no credential, and
   * this alone decides. Null is nobody: 401. The principal's environment is the one that it manages. Has one second to
   * answer. Changes must come as JSON, from a page of this server's own origin.
   */
  session?: ((request: FastifyRequest) => Awaitable<Principal | null>) | undefined
  /** Further origins whose pages may send changes by `session`, such as `https://app.example.com`; none by default. */
  trustedOrigins?: readonly string[] | undefined
}

/** Finds out who acts in a request. */
export interface Actors {
  /**
   * Asks the host's session who acts and sets `request.principal`.
   * @throws AccessError where that is nobody, or lacks `scope`
   */
  identify (request: FastifyRequest, scope: string): Promise<void>
  /** Who acts, in the workspace that was asked for. @throws AccessError as for a record that is missing */
  actorIn (request: FastifyRequest, workspace: string | undefined): Promise<Principal>
  /** Where the caller may act, its own workspace first unless the host lists it elsewhere. */
  workspacesOf (request: FastifyRequest): Promise<Array<ManagedWorkspace & { current: boolean }>>
}

/** Refusals of the routes that manage one kind of record. */
export interface ManagementCodes {
  readonly invalid: RefusalCode
  readonly unavailable: RefusalCode
  readonly missing: RefusalCode
}

export interface ActorsDeps {
  readonly grants: Keys['grants']
  readonly refusal: AccessContext['refusal']
  readonly codes: ManagementCodes
}

/** Seconds within which functions of the host must answer. */
const HOST_TIMEOUT = 1

export function createActors ({ workspacesOf, session }: ActorOptions, { grants, refusal, codes }: ActorsDeps): Actors {
  async function identify (request: FastifyRequest, scope: string): Promise<void> {
    if (session === undefined) return
    const found: unknown = await ask('AUTHENTICATION_UNAVAILABLE', async () => {
      const answer: unknown = await session(request)
      if (answer === null || answer === undefined || isPrincipal(answer)) return answer
      throw new TypeError('the option session returned something that is no principal')
    })
    if (!isPrincipal(found)) throw refusal('CREDENTIAL_MISSING')
    request.principal = Object.freeze({ ...found, scopes: Object.freeze([...found.scopes]) })
    if (!grants(found, [scope])) throw insufficient(found, scope)
  }

  function insufficient ({ scopes }: Principal, scope: string): AccessError {
    return refusal('INSUFFICIENT_SCOPE', {
      scope: [scope],
      reason: `requires ${scope}`,
      detail: `This operation requires ${scope}; the session grants ${scopes.join(', ') || 'nothing'}.`,
      extensions: { required: [[scope]], granted: scopes }
    })
  }

  async function listWorkspaces (principal: Principal, request: FastifyRequest): Promise<ManagedWorkspace[]> {
    const others = await ask(codes.unavailable, async () => {
      return readWorkspaces(await workspacesOf?.(principal, request) ?? [])
    })
    const own = others.some(({ id }) => id === principal.workspace) ? [] : [{ id: principal.workspace }]
    return [...own, ...others]
  }

  /** A host's function that throws or is late is an outage, unless what it throws is a refusal. */
  async function ask<T> (code: RefusalCode, work: () => Promise<T>): Promise<T> {
    try {
      return await withTimeout(work(), HOST_TIMEOUT, 'a function of the host')
    } catch (fault) {
      throw fault instanceof AccessError ? fault : refusal(code, { reason: describeFault(fault), retryAfter: 1 })
    }
  }

  return {
    identify,
    async actorIn (request, workspace) {
      const principal = principalOf(request)
      if (workspace === undefined || workspace === principal.workspace) return principal
      const allowed = await listWorkspaces(principal, request)
      if (!allowed.some(({ id }) => id === workspace)) throw refusal(codes.missing)
      return { ...principal, workspace }
    },
    async workspacesOf (request) {
      const principal = principalOf(request)
      const all = await listWorkspaces(principal, request)
      return all.map((one) => ({ ...one, current: one.id === principal.workspace }))
    }
  }
}

/** @throws TypeError where the host's function returned something else */
function readWorkspaces (answer: unknown): ManagedWorkspace[] {
  if (!Array.isArray(answer)) throw new TypeError('the option workspacesOf did not return an array')
  return answer.map((one: unknown) => {
    const isObject = typeof one === 'object' && one !== null
    const { id, name }: Partial<Record<keyof ManagedWorkspace, unknown>> = isObject ? one : { id: one }
    if (typeof id !== 'string' || id === '') throw new TypeError('the option workspacesOf returned no id')
    return { id, ...typeof name === 'string' && { name } }
  })
}
