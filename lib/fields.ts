/** What is left of one policy, as response fields tell it. */
export interface Allowance {
  readonly name: string
  readonly quota: number
  /** Seconds. */
  readonly window: number
  readonly remaining: number
  /** Seconds until more quota comes back. */
  readonly reset: number
}

/**
 * - `draft`: `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10, all policies
 * - `trio`: `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds) of the older drafts, the tightest policy
 * - `x-ratelimit`: the same three as `X-RateLimit-*`
 */
export type FieldFormat = 'draft' | 'trio' | 'x-ratelimit'

type SetField = (name: string, value: string) => void

const formats: Record<FieldFormat, (allowances: readonly Allowance[], set: SetField) => void> = {
  draft (allowances, set) {
    set('ratelimit', list(allowances, (one) => `"${one.name}";r=${one.remaining};t=${one.reset}`))
    set('ratelimit-policy', list(allowances, policyItem))
  },
  trio: three('ratelimit'),
  'x-ratelimit': three('x-ratelimit')
}

/** Writes the fields of each format through `set`; nothing when there is no policy. */
export function writeFields (chosen: readonly FieldFormat[], allowances: readonly Allowance[], set: SetField): void {
  if (allowances.length === 0) return
  for (const format of chosen) formats[format](allowances, set)
}

/** The same fields as an object, for an error's headers. */
export function fieldsOf (chosen: readonly FieldFormat[], allowances: readonly Allowance[]): Record<string, string> {
  const fields: Record<string, string> = {}
  writeFields(chosen, allowances, (name, value) => { fields[name] = value })
  return fields
}

function policyItem ({ name, quota, window }: Allowance): string {
  return `"${name}";q=${quota};w=${window}`
}

function list (allowances: readonly Allowance[], item: (one: Allowance) => string): string {
  let text = ''
  for (const one of allowances) text += text === '' ? item(one) : `, ${item(one)}`
  return text
}

function three (prefix: string) {
  const limit = `${prefix}-limit`
  const remaining = `${prefix}-remaining`
  const reset = `${prefix}-reset`
  return (allowances: readonly Allowance[], set: SetField): void => {
    const tightest = allowances.reduce((least, one) => one.remaining < least.remaining ? one : least)
    set(limit, String(tightest.quota))
    set(remaining, String(tightest.remaining))
    set(reset, String(tightest.reset))
  }
}
