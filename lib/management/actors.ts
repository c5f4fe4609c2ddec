import type { FastifyReply, FastifyRequest } from 'fastify'
import { AccessError, describeFault, type RefusalCode } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'
import { isName } from '../core/name.js'
import { isPrincipal, principalOf, type Principal } from '../core/principal.js'
import { withTimeout } from '../core/clock.js'
import type { Keys } from '../keys/index.js'
import { refuseCrossSite } from './cross-site.js'

/** A workspace that a caller may act in. */
export interface ManagedWorkspace {
  readonly id: string
  /** For people. */
  readonly name?: string | undefined
}

type Awaitable<T> = T | Promise<T>
type Session = (request: FastifyRequest) => Awaitable<Principal | null>

/** Who may use routes of management, and where. */
export interface ActorOptions {
  /**
   * Further workspaces that a caller may act in, with the scopes that it has in its own; none by default. Has one
   * second to answer.
   */
  workspacesOf?: ((principal: Principal, request: FastifyRequest) =>
  Awaitable<ReadonlyArray<string | ManagedWorkspace>>) | undefined
  /**
   * Further environments that a caller may act in, with the scopes that it has in its own; none by default. Has one
   * second to answer.
   */
  environmentsOf?: ((principal: Principal, request: FastifyRequest) => Awaitable<readonly string[]>) | undefined
  /**
   * Who acts, for hosts whose users are signed in by a session of the host: the routes then take no credential, and
   * this alone decides. Null is nobody: 401. The principal's environment is the one that it manages. Has one second to
   * answer. Changes must come as JSON, from a page of this server's own origin.
   */
  session?: Session | undefined
  /** Further origins whose pages may send changes by `session`, such as `https://app.example.com`; none by default. */
  trustedOrigins?: readonly string[] | undefined
  /** Keeps the routes out of the API document, such as those that only a page of yours asks; false by default. */
  hide?: boolean | undefined
}

/** Where a request asks to act; where the caller belongs by default. */
export interface Place {
  readonly workspace?: string | undefined
  readonly environment?: string | undefined
}

/** Finds out who acts in a request. */
export interface Actors {
  /**
   * Asks the session of the host, if it has one, who acts, and sets `request.principal`.
   * Where it knows nobody, the request is counted by its address.
   * @throws AccessError where that is nobody, or lacks `scope`, or a page of another site sent the request
   */
  identify (request: FastifyRequest, reply: FastifyReply, scope: string): Promise<void>
  /** Who acts, in the place that was asked for. @throws AccessError as for a record that is missing */
  actorIn (request: FastifyRequest, place: Place): Promise<Principal>
  /** Where the caller may act, its own workspace first unless the host lists it elsewhere. */
  workspacesOf (request: FastifyRequest): Promise<Array<ManagedWorkspace & { current: boolean }>>
  /** The caller's own environment, then the others that it may act in. */
  environmentsOf (request: FastifyRequest): Promise<string[]>
}

/** Refusals of the routes that manage one kind of record. */
export interface ManagementCodes {
  readonly invalid: RefusalCode
  readonly unavailable: RefusalCode
  readonly missing: RefusalCode
}

export interface ActorsDeps {
  readonly grants: Keys['grants']
  readonly context: Pick<AccessContext, 'accessOf' | 'limitAnonymous' | 'refusal'>
  readonly codes: ManagementCodes
}

/** Seconds within which functions of the host must answer. */
const HOST_TIMEOUT = 1

export function createActors (options: ActorOptions, { grants, context, codes }: ActorsDeps): Actors {
  const { workspacesOf, environmentsOf, session, trustedOrigins = [] } = options
  const { refusal } = context

  async function identify (request: FastifyRequest, reply: FastifyReply, scope: string): Promise<void> {
    if (session === undefined) return
    const person = await personOf(session, request).catch(async (fault: unknown) => {
      throw await context.limitAnonymous?.(request, reply, context.accessOf(request)) ?? fault
    })
    request.principal = Object.freeze({ ...person, scopes: Object.freeze([...person.scopes]) })
    if (!grants(person, [scope])) throw insufficient(person, scope)
  }

  async function personOf (session: Session, request: FastifyRequest): Promise<Principal> {
    const crossSite = refuseCrossSite(request, refusal, trustedOrigins)
    if (crossSite !== undefined) throw crossSite
    const found: unknown = await ask('AUTHENTICATION_UNAVAILABLE', async () => {
      const answer: unknown = await session(request)
      if (answer === null || answer === undefined || isPrincipal(answer)) return answer
      throw new TypeError('the option session returned something that is no principal')
    })
    if (!isPrincipal(found)) throw refusal('CREDENTIAL_MISSING')
    return found
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

  async function listEnvironments (principal: Principal, request: FastifyRequest): Promise<string[]> {
    const others = await ask(codes.unavailable, async () => {
      return readEnvironments(await environmentsOf?.(principal, request) ?? [])
    })
    return [...new Set([principal.environment, ...others])]
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
    async actorIn (request, place) {
      const principal = principalOf(request)
      const { workspace = principal.workspace, environment = principal.environment } = place
      if (workspace !== principal.workspace) {
        const allowed = await listWorkspaces(principal, request)
        if (!allowed.some(({ id }) => id === workspace)) throw refusal(codes.missing)
      }
      if (environment !== principal.environment) {
        const allowed = await listEnvironments(principal, request)
        if (!allowed.includes(environment)) throw refusal(codes.missing)
      }
      return { ...principal, workspace, environment }
    },
    async workspacesOf (request) {
      const principal = principalOf(request)
      const all = await listWorkspaces(principal, request)
      return all.map((one) => ({ ...one, current: one.id === principal.workspace }))
    },
    async environmentsOf (request) {
      return await listEnvironments(principalOf(request), request)
    }
  }
}

/** @throws TypeError where the host's function returned something else */
function readWorkspaces (answer: unknown): ManagedWorkspace[] {
  if (!Array.isArray(answer)) throw new TypeError('the option workspacesOf did not return an array')
  return answer.map((one: unknown) => {
    const isObject = typeof one === 'object' && one !== null
    const { id, name }: Partial<Record<keyof ManagedWorkspace, unknown>> = isObject ? one : { id: one }
    if (!isName(id)) throw new TypeError('the option workspacesOf returned an id that is no name')
    return { id, ...typeof name === 'string' && { name } }
  })
}

/** @throws TypeError where the host's function returned something else */
function readEnvironments (answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new TypeError('the option environmentsOf did not return an array')
  return answer.map((one: unknown) => {
    if (!isName(one)) throw new TypeError('the option environmentsOf returned something that is no name')
    return one
  })
}
