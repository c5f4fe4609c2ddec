import type { RouteAccess } from './route-access.js'

/** What is wrong with routes, one line for each path and fault, such as `GET, HEAD /devices declares nothing`. */
export function listFaults (
  routes: readonly RouteAccess[], faultsOf: (route: RouteAccess) => readonly string[]
): string[] {
  const methodsByLine = new Map<string, Set<string>>()
  for (const route of routes) {
    for (const fault of faultsOf(route)) {
      const line = `${route.url} ${fault}`
      const methods = methodsByLine.get(line) ?? new Set()
      methodsByLine.set(line, methods.add(route.method))
    }
  }
  return [...methodsByLine].map(([line, methods]) => `${[...methods].join(', ')} ${line}`)
}
