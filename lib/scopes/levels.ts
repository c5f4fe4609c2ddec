import { METHODS } from 'node:http'
import type { Security } from '../core/route-access.js'
import { OptionError, show } from '../core/options.js'

/** Safe methods: RFC 9110 §9.2.1, and QUERY of RFC 10008. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'])

/**
 * What routes declare by their method: safe methods require the first level, others the second, unless `methods` says
 * otherwise. HEAD follows GET. CORS preflights pass without a credential in any case.
 */
export function createByMethod (
  levels: readonly string[], methods: Readonly<Record<string, string>>, schemes: readonly string[]
): (method: string) => Security | undefined {
  const levelByMethod = new Map<string, string>()
  for (const [name, level] of Object.entries(methods)) {
    const method = name.toUpperCase()
    if (!METHODS.includes(method)) {
      throw new OptionError(`option scopes.methods names ${show(name)}, which is no method of HTTP`)
    }
    if (!levels.includes(level)) {
      const known = levels.join(', ') || 'none'
      throw new OptionError(`option scopes.methods.${name} must be one of scopes.levels (${known}), not ${show(level)}`)
    }
    levelByMethod.set(method, level)
  }
  const [safe, unsafe = safe] = levels

  function levelOf (method: string): string | undefined {
    const level = levelByMethod.get(method) ?? (method === 'HEAD' ? levelByMethod.get('GET') : undefined)
    return level ?? (SAFE.has(method) ? safe : unsafe)
  }

  return function byMethod (method) {
    const level = levelOf(method)
    return level === undefined ? undefined : schemes.map((scheme) => ({ [scheme]: [level] }))
  }
}
