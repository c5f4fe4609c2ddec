import type { FastifyRequest } from 'fastify'
import { AccessError, describeFault, type RefusalCode } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'
import { isPrincipal, principalOf, type Principal } from '../core/principal.js'
import { withTimeout } from '../core/clock.js'
import type { Keys } from '../keys/keys.js'

/** A workspace that a caller may act in. */
export interface KeyWorkspace { readonly id: string, readonly name?: string | undefined }

type Awaitable<T> = T | Promise<T>

export interface CallerOptions {
  /**
   * The workspaces that a caller may act in beside its own, with the scopes that it has there too; none by default.
   */
  workspacesOf?: ((principal: Principal, request: FastifyRequest) => Awaitable<ReadonlyArray<string | KeyWorkspace>>) | undefined
  /**
   * Who acts, for hosts whose users manage keys from a session of theirs: the routes then take no credential, and this
   * alone says who may come in and how often. Null is nobody: 401. Changes must come as JSON, which other sites can't
   * forge without asking CORS first. The environment of the principal is the one whose keys it manages.
   */
  session?: ((request: FastifyRequest) => Awaitable<Principal | null>) | undefined
}

export interface Callers {
  /** Sets who acts where the guard does not. @throws AccessError */
  identify (request: FastifyRequest, scope: string): Promise<void>
  /** Who acts, in the workspace that was asked for. @throws AccessError the same as for a key that is missing */
  callerOf (request: FastifyRequest, workspace: string | undefined): Promise<Principal>
  /** Where the caller may act, its own workspace first unless the host says otherwise. */
  workspacesOf (request: FastifyRequest): Promise<Array<KeyWorkspace & { current: boolean }>>
}

/** Seconds that the host's functions may take. */
const DEADLINE = 1

/** Refusals of the routes of one kind of thing. */
export interface CallerCodes { readonly invalid: RefusalCode, readonly unavailable: RefusalCode, readonly missing: RefusalCode }

export function createCallers ({ workspacesOf, session }: CallerOptions, keys: Pick<Keys, 'grants'>, { refusal }: Pick<AccessContext, 'refusal'>, codes: CallerCodes): Callers {
  async function identify (request: FastifyRequest, scope: string): Promise<void> {
    if (session === undefined) return
    if (!isRead(request) && !JSON_TYPE.test(request.headers['content-type'] ?? '')) {
      throw refusal(codes.invalid, { detail: 'A change must be sent with Content-Type: application/json.', reason: 'a body that a form of another site could send' })
    }
    const found: unknown = await ask('AUTHENTICATION_UNAVAILABLE', async () => {
      const answer: unknown = await session(request)
      if (answer !== null && answer !== undefined && !isPrincipal(answer)) throw new TypeError('the option session did not answer a principal')
      return answer
    })
    if (!isPrincipal(found)) throw refusal('CREDENTIAL_MISSING')
    request.principal = Object.freeze({ ...found, scopes: Object.freeze([...found.scopes]) })
    if (keys.grants(found, [scope])) return
    throw refusal('INSUFFICIENT_SCOPE', {
      scope: [scope],
      reason: `needs ${scope}`,
      detail: `This operation requires ${scope}; the session grants ${found.scopes.join(', ') || 'nothing'}.`,
      extensions: { required: [[scope]], granted: found.scopes }
    })
  }

  async function reachable (principal: Principal, request: FastifyRequest): Promise<KeyWorkspace[]> {
    const others = await ask(codes.unavailable, async () => readWorkspaces(await workspacesOf?.(principal, request) ?? []))
    return others.some(({ id }) => id === principal.workspace) ? others : [{ id: principal.workspace }, ...others]
  }

  /** What a host's function throws is an outage, unless it is a refusal. */
  async function ask<T> (code: RefusalCode, work: () => Promise<T>): Promise<T> {
    try {
      return await withTimeout(work(), DEADLINE, 'a function of the host')
    } catch (fault) {
      throw fault instanceof AccessError ? fault : refusal(code, { reason: describeFault(fault), retryAfter: 1 })
    }
  }

  return {
    identify,
    async callerOf (request, workspace) {
      const principal = principalOf(request)
      if (workspace === undefined || workspace === principal.workspace) return principal
      const reached = await reachable(principal, request)
      if (!reached.some(({ id }) => id === workspace)) throw refusal(codes.missing)
      return { ...principal, workspace }
    },
    async workspacesOf (request) {
      const principal = principalOf(request)
      return (await reachable(principal, request)).map((one) => ({ ...one, current: one.id === principal.workspace }))
    }
  }
}

const JSON_TYPE = /^application\/json *(;|$)/i

function isRead ({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** @throws TypeError when the host's function answers something else */
function readWorkspaces (answer: unknown): KeyWorkspace[] {
  if (!Array.isArray(answer)) throw new TypeError('the option workspacesOf did not answer an array')
  return answer.map((one: unknown) => {
    const { id, name }: Partial<Record<keyof KeyWorkspace, unknown>> = typeof one === 'object' && one !== null ? one : { id: one }
    if (typeof id !== 'string' || id === '') throw new TypeError('the option workspacesOf did not answer workspaces')
    return { id, ...typeof name === 'string' && { name } }
  })
}
