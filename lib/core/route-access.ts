import type { RouteOptions } from 'fastify'
import { describeFault } from './errors.js'
import { show } from './options.js'

/** One security requirement object of OpenAPI, read: the scheme that must be used and the scopes that must be held. */
export interface Alternative {
  readonly scheme: string
  readonly scopes: readonly string[]
}

/** What OpenAPI calls a list of security requirements: one of them must be satisfied. */
export type Security = ReadonlyArray<{ [securityLabel: string]: readonly string[] }>

/** What a request to a route counts as; the schema's `x-rate-limit`. */
export interface RateLimitDeclaration {
  /** Name of a profile of the limits options. */
  profile?: string
  /** Quota units that one request takes; 1 when left out. */
  cost?: number
}

/** What a route states of itself, read once. */
export interface RouteAccess {
  readonly method: string
  readonly url: string
  /** The schema's `operationId`. */
  readonly operationId: string | undefined
  /**
   * `public` needs nobody, `optional` takes a caller without a credential too, `guarded` needs a principal that
   * satisfies an alternative, `undeclared` states nothing and is refused to everybody.
   */
  readonly mode: 'public' | 'optional' | 'guarded' | 'undeclared'
  /** Empty in `guarded`: any principal. */
  readonly alternatives: readonly Alternative[]
  readonly profile: string | undefined
  readonly cost: number
  /** A CORS preflight may pass: a route for OPTIONS alone that states nothing, or none at all. */
  readonly preflight: boolean
  /** What is wrong with the declaration; a route with faults refuses to start, or is refused. */
  readonly faults: readonly string[]
}

export interface RouteName { readonly method: string, readonly url: string }

/** What to do with a route that states nothing: `refuse` to start, or what the host says of it. */
export type Undeclared = 'refuse' | 'authenticate' | ((route: RouteName) => 'refuse' | 'public' | 'authenticate' | Security)

export interface AccessRules {
  readonly undeclared: Undeclared
  /** The statement of a route that makes none, by its method. */
  readonly byMethod: (method: string) => Security | undefined
}

declare module 'fastify' {
  interface FastifySchema {
    /** OpenAPI security requirements: what Latchkey enforces and what the document shows. */
    security?: ReadonlyArray<{ [securityLabel: string]: readonly string[] }>
    'x-rate-limit'?: RateLimitDeclaration
    operationId?: string
  }
}

const ANYBODY: Security = []
const ANY_PRINCIPAL: readonly Alternative[] = []

/**
 * Reads the statement of one route and method.
 * @param shared the handler serves further methods, so that an OPTIONS request runs what they run
 */
export function readAccess (route: RouteName, schema: RouteOptions['schema'], rules: AccessRules, shared: boolean): RouteAccess {
  const own = schema?.security
  const preflight = route.method === 'OPTIONS' && !shared && own === undefined
  const faults: string[] = []
  const stated = own !== undefined ? own : rules.byMethod(route.method) ?? (preflight ? 'authenticate' : askHost(route, rules.undeclared, faults))
  const { mode, alternatives } = readStatement(stated, faults)
  const { profile, cost } = readRateLimit(schema?.['x-rate-limit'], faults)
  return { ...route, operationId: schema?.operationId, mode: faults.length > 0 ? 'undeclared' : mode, alternatives, profile, cost, preflight, faults }
}

/** What a request that no route matches must show before it learns that: any valid credential. */
export const NO_ROUTE: RouteAccess = {
  method: '*', url: '*', operationId: undefined, mode: 'guarded', alternatives: ANY_PRINCIPAL, profile: undefined, cost: 1, preflight: true, faults: []
}

/** A method that the matched route does not serve: a hook changed it after the routing. Nobody may. */
export const NO_METHOD: RouteAccess = {
  ...NO_ROUTE, mode: 'undeclared', preflight: false, faults: ['was matched by another method']
}

function askHost (route: RouteName, undeclared: Undeclared, faults: string[]): Security | 'refuse' | 'authenticate' {
  try {
    const answer = typeof undeclared === 'function' ? undeclared(route) : undeclared
    return answer === 'public' ? ANYBODY : answer
  } catch (fault) {
    faults.push(`the option undeclared threw ${describeFault(fault)}`)
    return 'authenticate'
  }
}

/** Reads one statement; what is wrong with it goes to `faults`. */
export function readStatement (stated: Security | 'refuse' | 'authenticate', faults: string[]): Pick<RouteAccess, 'mode' | 'alternatives'> {
  if (stated === 'refuse') {
    faults.push('states nothing: add schema.security, for example { ...scopes.secure(\'devices:read\') }, or scopes.public() for everybody')
    return { mode: 'undeclared', alternatives: [] }
  }
  if (stated === 'authenticate') return { mode: 'guarded', alternatives: ANY_PRINCIPAL }
  if (!Array.isArray(stated)) {
    faults.push(`schema.security, or what the option undeclared answers, must be an array of security requirements, not ${show(stated)}`)
    return { mode: 'undeclared', alternatives: [] }
  }
  if (stated.length === 0) return { mode: 'public', alternatives: [] }
  const alternatives: Alternative[] = []
  let optional = false
  for (const item of stated) {
    const entries = entriesOf(item)
    if (entries?.length === 0) optional = true
    else alternatives.push(...readRequirement(item, entries ?? [], faults))
  }
  return { mode: optional ? 'optional' : 'guarded', alternatives }
}

/** Only `{}` means nobody is needed: an array, a Map or an instance that looks empty is a mistake. */
function entriesOf (item: unknown): Array<[string, unknown]> | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const prototype = Reflect.getPrototypeOf(item)
  const plain = prototype === null || Reflect.getPrototypeOf(prototype) === null
  return plain ? Object.entries(item) : undefined
}

function readRequirement (item: unknown, [first, second]: ReadonlyArray<[string, unknown]>, faults: string[]): Alternative[] {
  if (first === undefined || second !== undefined) {
    faults.push(`each item of schema.security must name one scheme, such as { apiKey: ['devices:read'] }, not ${show(item)}; a request carries one credential`)
    return []
  }
  const [scheme, scopes] = first
  if (!Array.isArray(scopes) || !scopes.every((scope): scope is string => typeof scope === 'string')) {
    faults.push(`the scopes of ${scheme} in schema.security must be an array of strings, not ${show(scopes)}`)
    return []
  }
  return [{ scheme, scopes: Object.freeze([...scopes]) }]
}

function readRateLimit (declared: unknown, faults: string[]): Pick<RouteAccess, 'profile' | 'cost'> {
  const wanted = { profile: undefined, cost: 1 }
  if (declared === undefined) return wanted
  if (typeof declared !== 'object' || declared === null) {
    faults.push(`schema['x-rate-limit'] must be { profile, cost }, not ${show(declared)}`)
    return wanted
  }
  const { profile, cost = 1, ...rest }: { profile?: unknown, cost?: unknown } = declared
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) faults.push(`schema['x-rate-limit'] knows profile and cost, not ${unknown}`)
  if (profile !== undefined && typeof profile !== 'string') faults.push(`schema['x-rate-limit'].profile must be the name of a profile, not ${show(profile)}`)
  if (typeof cost !== 'number' || !Number.isSafeInteger(cost) || cost < 0) {
    faults.push(`schema['x-rate-limit'].cost must be a whole number of at least 0, not ${show(cost)}`)
    return wanted
  }
  return { profile: typeof profile === 'string' ? profile : undefined, cost }
}
