import { show } from './options.js'

/** One security requirement object of OpenAPI: the scheme to use, and the scopes that are all required. */
export interface Alternative {
  readonly scheme: string
  readonly scopes: readonly string[]
}

/** A list of security requirements as OpenAPI has it: one of them must be satisfied. */
export type Security = ReadonlyArray<{ [securityLabel: string]: readonly string[] }>

/** How requests to a route are counted; the schema's `x-rate-limit`. */
export interface RateLimitDeclaration {
  /** Name of a profile of the limits options. */
  profile?: string
  /** Quota units that one request takes; 1 when left out. */
  cost?: number
  /** `false` on a public or optional route: no callers without a credential are counted by address; true by default. */
  anonymous?: boolean
}

/** `x-rate-limit`, read. */
export interface RouteRateLimit {
  readonly profile: string | undefined
  readonly cost: number
  /** Callers without a credential are counted by address, where `limits.anonymous` says how. */
  readonly countsAnonymous: boolean
}

export interface SecurityDeclaration {
  /**
   * `public`: everybody. `optional`: everybody without a credential, and principals that satisfy an alternative.
   * `guarded`: these principals alone. `undeclared`: nobody, since nothing valid is declared.
   */
  readonly mode: 'public' | 'optional' | 'guarded' | 'undeclared'
  /** Empty in `guarded` and `optional`: any principal. */
  readonly alternatives: readonly Alternative[]
}

/** The fault of a route without a declaration. */
export const DECLARES_NOTHING = 'declares nothing'

const NOBODY: SecurityDeclaration = { mode: 'undeclared', alternatives: [] }

/** Reads one declaration, and adds what is wrong with it to `faults`. */
export function readDeclaration (
  declared: Security | 'refuse' | 'authenticate', faults: string[]
): SecurityDeclaration {
  if (declared === 'refuse') {
    faults.push(DECLARES_NOTHING)
    return NOBODY
  }
  if (declared === 'authenticate') return { mode: 'guarded', alternatives: [] }
  if (!Array.isArray(declared)) {
    faults.push('schema.security, or what the option undeclared answers, must be an array of security requirements, ' +
      `not ${show(declared)}`)
    return NOBODY
  }
  if (declared.length === 0) return { mode: 'public', alternatives: [] }
  const alternatives: Alternative[] = []
  let optional = false
  for (const item of declared) {
    const entries = entriesOf(item)
    if (entries?.length === 0) optional = true
    else alternatives.push(...readRequirement(item, entries ?? [], faults))
  }
  return { mode: optional ? 'optional' : 'guarded', alternatives }
}

/** Only `{}` means that no credential is needed. An array, a Map or an instance that looks empty is a mistake. */
function entriesOf (item: unknown): Array<[string, unknown]> | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const prototype = Reflect.getPrototypeOf(item)
  const plain = prototype === null || Reflect.getPrototypeOf(prototype) === null
  return plain ? Object.entries(item) : undefined
}

function readRequirement (
  item: unknown, [first, second]: ReadonlyArray<[string, unknown]>, faults: string[]
): Alternative[] {
  if (first === undefined || second !== undefined) {
    faults.push('each item of schema.security must name one scheme, such as { apiKey: [\'devices:read\'] }, ' +
      `not ${show(item)}; a request carries one credential`)
    return []
  }
  const [scheme, scopes] = first
  if (!Array.isArray(scopes) || !scopes.every((scope): scope is string => typeof scope === 'string')) {
    faults.push(`the scopes of ${scheme} in schema.security must be an array of strings, not ${show(scopes)}`)
    return []
  }
  return [{ scheme, scopes: Object.freeze([...scopes]) }]
}

/** Reads `x-rate-limit`, and adds what is wrong with it to `faults`. */
export function readRateLimit (declared: unknown, faults: string[]): RouteRateLimit {
  const defaults = { profile: undefined, cost: 1, countsAnonymous: true }
  if (declared === undefined) return defaults
  if (typeof declared !== 'object' || declared === null) {
    faults.push(`schema['x-rate-limit'] must be { profile, cost, anonymous }, not ${show(declared)}`)
    return defaults
  }
  const { profile, cost = 1, anonymous = true, ...rest }: Readonly<Record<string, unknown>> = { ...declared }
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) faults.push(`schema['x-rate-limit'] knows profile, cost and anonymous, not ${unknown}`)
  if (typeof anonymous !== 'boolean') {
    faults.push(`schema['x-rate-limit'].anonymous must be true or false, not ${show(anonymous)}`)
  }
  if (profile !== undefined && typeof profile !== 'string') {
    faults.push(`schema['x-rate-limit'].profile must be the name of a profile, not ${show(profile)}`)
  }
  if (typeof cost !== 'number' || !Number.isSafeInteger(cost) || cost < 0) {
    faults.push(`schema['x-rate-limit'].cost must be a whole number of at least 0, not ${show(cost)}`)
    return defaults
  }
  return { profile: typeof profile === 'string' ? profile : undefined, cost, countsAnonymous: anonymous !== false }
}
