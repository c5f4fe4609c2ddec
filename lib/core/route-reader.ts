import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { AccessContextOptions } from './context-options.js'
import { DECLARES_NOTHING } from './declaration.js'
import { OptionError } from './options.js'
import { lastCheckOf } from './outcomes.js'
import { NO_METHOD, NO_ROUTE, PUBLIC_NO_ROUTE, readAccess, type RouteAccess } from './route-access.js'
import { listFaults } from './route-faults.js'

type AccessByMethod = RouteAccess | Map<string, RouteAccess>

export interface RouteReader {
  /** The routes of this context that were registered after it was guarded; complete once the server is ready. */
  readonly routes: readonly RouteAccess[]
  /** What the matched route of a request declares. */
  accessOf (request: FastifyRequest): RouteAccess
  /** What a route declares, once for each of its methods; the same objects each time once the server is ready. */
  declaredBy (route: RouteOptions): RouteAccess[]
}

const ADVICE = 'add schema.security to routes that declare nothing, ' +
  'for example { ...scopes.secure(\'devices:read\') }, or scopes.public() for everybody'

/** A route that was registered after its context was guarded. */
interface Registered {
  /** The reader of that context. */
  readonly by: object
  readonly route: RouteOptions
  readonly url: string
  /** Set once the server is ready: until then `onRoute` hooks of child contexts change declarations. */
  access?: AccessByMethod
}

const kRegistered = Symbol('latchkey.registered')

declare module 'fastify' {
  interface FastifyContextConfig { [kRegistered]?: Registered }
}

/**
 * Reads what routes declare: when the server is ready, or at their first request where they were registered before
 * Latchkey. The server refuses to start while a declaration is faulty.
 */
export function createRouteReader (
  app: FastifyInstance,
  { undeclared = 'refuse', unknownPaths = 'authenticate', byMethod = () => undefined }: AccessContextOptions
): RouteReader {
  const unknownPath = unknownPaths === 'public' ? PUBLIC_NO_ROUTE : NO_ROUTE
  const rules = { undeclared, byMethod }
  const registered: Registered[] = []
  const routes: RouteAccess[] = []
  /** Routes that were registered before Latchkey, by their config: Fastify makes one for each route. */
  const earlier = new WeakMap<object, AccessByMethod>()

  function read (
    methods: string | string[], url: string, schema: RouteOptions['schema'], lastCheck?: object
  ): AccessByMethod {
    const readOne = (method: string, shared: boolean) => readAccess({ method, url }, schema, rules, shared, lastCheck)
    if (typeof methods === 'string') return readOne(methods, false)
    return new Map(methods.map((method) => [method, readOne(method, methods.length > 1)]))
  }

  function readRegistered ({ route, url }: Registered): AccessByMethod {
    return read(route.method, url, route.schema, lastCheckOf(route))
  }

  app.addHook('onRoute', function register (route) {
    // Fastify changes the URL of the same object where it adds a route for the trailing slash of a prefix.
    const one = { by: registered, route, url: route.url }
    registered.push(one)
    route.config = { ...route.config, [kRegistered]: one }
  })

  app.addHook('onReady', async function checkRoutes () {
    for (const one of registered) {
      one.access = readRegistered(one)
      routes.push(...accessesOf(one.access))
    }
    const lines = listFaults(routes, ({ faults }) => faults)
    if (lines.length === 0) return
    const isSilent = routes.some(({ faults }) => faults.includes(DECLARES_NOTHING))
    throw new OptionError([...lines, ...isSilent ? [ADVICE] : []].join('\n'))
  })

  return {
    routes,
    accessOf ({ method, routeOptions: { config, schema, method: methods, url } }: FastifyRequest) {
      if (url === undefined) return unknownPath
      let access = config[kRegistered]?.access ?? earlier.get(config)
      if (access === undefined) {
        access = read(methods, url, schema)
        earlier.set(config, access)
      }
      return access instanceof Map ? access.get(method) ?? NO_METHOD : access
    },
    declaredBy ({ config }) {
      const one = config?.[kRegistered]
      return one?.by !== registered ? [] : accessesOf(one.access ?? readRegistered(one))
    }
  }
}

function accessesOf (access: AccessByMethod): RouteAccess[] {
  return access instanceof Map ? [...access.values()] : [access]
}
