import type { FastifyInstance } from 'fastify'
import type { AccessContextOptions } from './context-options.js'

interface PrintedRoute { readonly url: string, readonly methods: readonly string[] }

/**
 * Names routes that were registered before Latchkey, such as where `await` is missing: no check at boot sees what they
 * declare, and those that declare nothing refuse everybody.
 */
export function warnOfEarlierRoutes (
  app: FastifyInstance, { undeclared = 'refuse', byMethod = () => undefined }: AccessContextOptions
): void {
  if (undeclared !== 'refuse') return
  const routes = earlierRoutes(app).flatMap(({ url, methods }) => {
    const silent = methods.filter((method) => method !== 'OPTIONS' && byMethod(method) === undefined)
    return silent.length === 0 ? [] : [`${silent.join(', ')} ${url}`]
  })
  if (routes.length === 0) return
  app.log.warn(`registered before Latchkey, and not checked at boot: ${routes.join('; ')}. Those that declare ` +
    'nothing refuse everybody (ROUTE_UNDECLARED); write await app.register(latchkey, …) before your routes')
}

/** Fastify prints all routes of a server. Of those, a child context has the ones below its prefix. */
function earlierRoutes (app: FastifyInstance): PrintedRoute[] {
  const isRoot = Reflect.getPrototypeOf(app) === Object.prototype
  if (!isRoot && app.prefix === '') return []
  return readPrintedRoutes(app.printRoutes()).filter(({ url }) => url.startsWith(app.prefix))
}

const LINE = /^((?:│ {3}| {4})*)[├└]── (.*)$/
const ROUTE = /^(.*?) \(([A-Z-]+(?:, [A-Z-]+)*)\)(?: \{.*\})?$/

/** Reads the tree of `app.printRoutes()`, in which each line has the rest of a path after that of its parent. */
function readPrintedRoutes (printed: string): PrintedRoute[] {
  const path: string[] = []
  const routes: PrintedRoute[] = []
  for (const line of printed.split('\n')) {
    const [, indent, text] = LINE.exec(line) ?? []
    if (indent === undefined || text === undefined) continue
    const [, part = text.replace('(empty root node)', ''), methods] = ROUTE.exec(text) ?? []
    path.splice(indent.length / 4, path.length, part)
    if (methods !== undefined) routes.push({ url: path.join(''), methods: methods.split(', ') })
  }
  return routes
}
