import type { RouteOptions } from 'fastify'
import {
  readDeclaration, readRateLimit, type RateLimitDeclaration, type RouteRateLimit, type Security,
  type SecurityDeclaration
} from './declaration.js'
import { describeFault } from './errors.js'

/** What a route declares, read once. */
export interface RouteAccess extends SecurityDeclaration, RouteRateLimit {
  readonly method: string
  readonly url: string
  /** The schema's `operationId`. */
  readonly operationId: string | undefined
  /** CORS preflights pass: a route for OPTIONS alone that declares nothing, or a path without a route. */
  readonly preflight: boolean
  /** The last of the route's own hooks that decides about access, such as `requireScopes`. */
  readonly lastCheck: object | undefined
  /** What is wrong with the declaration. The server refuses to start with a fault, or the route refuses everybody. */
  readonly faults: readonly string[]
}

export interface RouteName { readonly method: string, readonly url: string }

/** What to do with a route that declares nothing: refuse to start the server, or what the host chooses for it. */
export type Undeclared =
  'refuse' | 'authenticate' | ((route: RouteName) => 'refuse' | 'public' | 'authenticate' | Security)

export interface AccessRules {
  readonly undeclared: Undeclared
  /** What a route without a declaration of its own declares by its method. */
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

/**
 * Reads what a route declares for one method.
 * @param shared the handler serves further methods, so an OPTIONS request would run it too: it is no preflight handler
 * @param lastCheck the last of the route's own hooks that decides about access
 */
export function readAccess (
  route: RouteName, schema: RouteOptions['schema'], rules: AccessRules, shared: boolean, lastCheck?: object
): RouteAccess {
  const faults: string[] = []
  const own = schema?.security
  const preflight = route.method === 'OPTIONS' && !shared && own === undefined
  const declared = own !== undefined
    ? own
    : rules.byMethod(route.method) ?? (preflight ? 'authenticate' : askHost(route, rules.undeclared, faults))
  const { mode, alternatives } = readDeclaration(declared, faults)
  const rateLimit = readRateLimit(schema?.['x-rate-limit'], faults)
  return {
    ...route,
    operationId: schema?.operationId,
    mode: faults.length > 0 ? 'undeclared' : mode,
    alternatives,
    ...rateLimit,
    preflight,
    lastCheck,
    faults
  }
}

/** For a path without a route: any valid credential, so that nobody learns which paths exist without one. */
export const NO_ROUTE: RouteAccess = {
  method: '*',
  url: '*',
  operationId: undefined,
  mode: 'guarded',
  alternatives: [],
  profile: undefined,
  cost: 1,
  countsAnonymous: true,
  preflight: true,
  lastCheck: undefined,
  faults: []
}

/** The same where the host's own 404 answers everybody. */
export const PUBLIC_NO_ROUTE: RouteAccess = { ...NO_ROUTE, mode: 'public' }

/** For a method that the matched route does not serve: a hook changed the method after the routing. */
export const NO_METHOD: RouteAccess = {
  ...NO_ROUTE, mode: 'undeclared', preflight: false, faults: ['was matched by another method']
}

function askHost (route: RouteName, undeclared: Undeclared, faults: string[]): Security | 'refuse' | 'authenticate' {
  try {
    const answer = typeof undeclared === 'function' ? undeclared(route) : undeclared
    return answer === 'public' ? [] : answer
  } catch (fault) {
    faults.push(`the option undeclared threw ${describeFault(fault)}`)
    return 'authenticate'
  }
}

export { readDeclaration, type Alternative, type RateLimitDeclaration, type Security } from './declaration.js'
