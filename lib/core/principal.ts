import type { FastifyRequest } from 'fastify'

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
  /** The user or system that the credential acts for. */
  readonly owner?: string
  /** Selects a limits profile. */
  readonly tier?: string
  /** For the handler's information: its resolver is who refuses it from then on. */
  readonly expiresAt?: Date
  /** The secret that was presented was rotated away and stops working at this instant. */
  readonly secretRetiresAt?: Date
  /** Of the record that this was made from; grows with every change of it. Without one, the record can't change. */
  readonly version?: number
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on public routes and before authentication; handlers of guarded routes use `principalOf(request)`. */
    principal: Principal | null
  }
}

/** True when `value` has the shape of a principal; what a resolver hands over is not trusted before this. */
export function isPrincipal (value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false
  const candidate: Partial<Record<keyof Principal, unknown>> = value
  return (candidate.kind === 'api-key' || candidate.kind === 'access-token') &&
    isName(candidate.id) && isName(candidate.workspace) && isName(candidate.environment) &&
    Array.isArray(candidate.scopes) && candidate.scopes.every(isText)
}

function isName (value: unknown): boolean {
  return isText(value) && value !== ''
}

function isText (value: unknown): boolean {
  return typeof value === 'string'
}

/**
 * What rooms keep beside a principal that was made here: found without a search, gone with it, and seen by nobody who holds
 * the principal. Each room adds its own by declaration merging.
 */
export interface Beside {}

/** Gives an object back, so that a class that extends this one adds its private field to it. */
class Given {
  constructor (value: object) {
    return value
  }
}

/**
 * The mark of principals that were made here: nobody else can set a private field, and a look at it costs next to nothing.
 * It holds what a principal is counted as, a text that would cost more to write anew than the counter itself.
 */
class Seal extends Given {
  readonly #counted: string
  readonly #beside: Beside = {}

  constructor (principal: Principal) {
    super(principal)
    this.#counted = callerOf(principal)
  }

  static isOn (value: object): boolean {
    return #counted in value
  }

  static beside (value: object): Beside | undefined {
    return #beside in value ? value.#beside : undefined
  }

  static countedAs (principal: Principal): string {
    return #counted in principal ? principal.#counted : callerOf(principal)
  }
}

/** A key is of one workspace; a user with tokens may act in several, and is another caller in each. */
function callerOf ({ kind, id, workspace, environment }: Principal): string {
  return kind === 'api-key' ? id : `${environment.length} ${environment} ${workspace.length} ${workspace} ${id}`
}

/** The caller that a principal is counted as, where each is counted by itself. */
export function countedAs (principal: Principal): string {
  return Seal.countedAs(principal)
}

/** Undefined beside a principal that was not made here. */
export function besideOf (principal: object): Beside | undefined {
  return Seal.beside(principal)
}

/**
 * A frozen principal that need not be looked at again at every request. `scopes` must be frozen. Copied by assigning: V8
 * (that of Node 20) gives every frozen spread a hidden class of its own, and each look at a field of it is a search.
 */
export function sealPrincipal (principal: Principal): Principal {
  const sealed = Object.assign({}, principal)
  Reflect.construct(Seal, [sealed])
  return Object.freeze(sealed)
}

export { sealPrincipal as freezePrincipal }

export function isSealed (value: unknown): value is Principal {
  return typeof value === 'object' && value !== null && Seal.isOn(value)
}

/**
 * The principal of a request whose route is guarded.
 * @throws Error when the route is public: there is nobody to speak of, and a handler must not guess.
 */
export function principalOf (request: FastifyRequest): Principal {
  if (request.principal === null || request.principal === undefined) {
    throw new Error(`principalOf: ${request.method} ${request.routeOptions.url ?? 'an unknown route'} was not authenticated; declare what it needs in schema.security`)
  }
  return request.principal
}
