import type { FastifyRequest } from 'fastify'
import { intern } from './intern.js'
import { isName } from './name.js'

/**
 * The notes of a host on a key, `metadata`. Declaration merging gives them the types of your schema:
 *
 * ```ts
 * declare module 'fastify-latchkey' {
 *   interface PrincipalMetadata { team: string }
 * }
 * ```
 */
export interface PrincipalMetadata extends Readonly<Record<string, string | number | boolean | null>> {}

/**
 * Who a request is. The same frozen object for API keys and OAuth access tokens; `id` is the `sub` of RFC 7519.
 * A host adds its own fields by declaration merging:
 *
 * ```ts
 * declare module 'fastify-latchkey' {
 *   interface Principal { plan?: string }
 * }
 * ```
 */
export interface Principal {
  readonly kind: 'api-key' | 'access-token'
  /** Unique over all principals; what limits count by. */
  readonly id: string
  /** The tenant that every read and write of the handler belongs to. */
  readonly workspace: string
  readonly environment: string
  /** Granted scopes as they were chosen, without what they imply (`catalogue.expand` adds that). */
  readonly scopes: readonly string[]
  /** Name of the security scheme that the credential was accepted by, such as `apiKey`; set by the authentication. */
  readonly scheme?: string
  /** The user or system that the credential acts for. */
  readonly owner?: string
  /** Selects a limits profile. */
  readonly tier?: string
  /** What people call the key. */
  readonly name?: string
  /** The host's notes on the key; frozen. */
  readonly metadata?: PrincipalMetadata
  /** When the credential ends. For the handler's information: authentication itself refuses it from then on. */
  readonly expiresAt?: Date
  /** The secret that was presented was rotated away and stops working at this instant. */
  readonly secretRetiresAt?: Date
  /** Version of the stored record that this was made from; grows with every change. Without one, nothing can change. */
  readonly version?: number
}

/** Who did something, as records and events name a principal. */
export function actorOf ({ kind, id, owner }: Principal): Pick<Principal, 'kind' | 'id' | 'owner'> {
  return { kind, id, ...owner !== undefined && { owner } }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on public routes and before authentication; handlers of guarded routes use `principalOf(request)`. */
    principal: Principal | null
  }
}

/** True when `value` has the shape of a principal. What resolvers answer is checked by this before it is trusted. */
export function isPrincipal (value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false
  const candidate: Partial<Record<keyof Principal, unknown>> = value
  return (candidate.kind === 'api-key' || candidate.kind === 'access-token') &&
    isText(candidate.id) && candidate.id !== '' && isName(candidate.workspace) && isName(candidate.environment) &&
    (candidate.owner === undefined || isName(candidate.owner)) &&
    (candidate.tier === undefined || isName(candidate.tier)) &&
    Array.isArray(candidate.scopes) && candidate.scopes.every(isText)
}

function isText (value: unknown): boolean {
  return typeof value === 'string'
}

/** Returns a frozen copy. Principals of equal scopes share one frozen list. */
export function freezePrincipal (principal: Principal): Principal {
  return Object.freeze({ ...principal, scopes: intern(principal.scopes) })
}

/**
 * The text that a principal is counted by. A key belongs to one workspace; a user with access tokens may act in several
 * and is counted separately in each. The lengths keep two callers apart whatever their names contain.
 */
export function callerOf ({ kind, id, workspace, environment }: Principal): string {
  return kind === 'api-key' ? id : `${environment.length} ${environment} ${workspace.length} ${workspace} ${id}`
}

/**
 * The principal of a request whose route is guarded.
 * @throws Error when the route is public: nobody was authenticated
 */
export function principalOf (request: FastifyRequest): Principal {
  if (request.principal === null || request.principal === undefined) {
    const route = request.routeOptions.url ?? 'an unknown route'
    throw new Error(`principalOf: ${request.method} ${route} was not authenticated; ` +
      'declare what it needs in schema.security')
  }
  return request.principal
}
