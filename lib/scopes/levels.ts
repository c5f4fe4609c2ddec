import { METHODS } from 'node:http'
import type { Security } from '../core/route-access.js'
import { OptionError, show } from '../core/options.js'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])

/**
 * What a route states by its method: safe methods (RFC 9110 §9.2.1, and QUERY of RFC 10008) need the first level and all others the second,
 * unless `methods` says otherwise. HEAD follows GET. Real CORS preflights need nobody, whatever is stated here.
 */
export function createByMethod (levels: readonly string[], methods: Readonly<Record<string, string>>, schemes: readonly string[]): (method: string) => Security | undefined {
  const stated = new Map<string, string>()
  for (const [name, level] of Object.entries(methods)) {
    const method = name.toUpperCase()
    if (!METHODS.includes(method)) throw new OptionError(`option scopes.methods names ${show(name)}, which is no method of HTTP`)
    if (!levels.includes(level)) throw new OptionError(`option scopes.methods.${name} must be one of scopes.levels (${levels.join(', ') || 'none'}), not ${show(level)}`)
    stated.set(method, level)
  }
  const [safe, unsafe = safe] = levels

  function levelOf (method: string): string | undefined {
    const level = stated.get(method) ?? (method === 'HEAD' ? stated.get('GET') : undefined)
    return level ?? (SAFE.has(method) ? safe : unsafe)
  }

  return function byMethod (method) {
    const level = levelOf(method)
    return level === undefined ? undefined : schemes.map((scheme) => ({ [scheme]: [level] }))
  }
}
