/** What a caller has left of one policy, as the RateLimit fields show it. */
export interface Allowance {
  readonly policy: {
    readonly name: string
    readonly quota: number
    /** The policy as an item of RateLimit-Policy, made once by `policyItem`. */
    readonly item: string
  }
  readonly remaining: number
  /** Seconds until more quota comes back. */
  readonly reset: number
}

/**
 * - `draft`: `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10, all policies
 * - `trio`: `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds) of the older drafts, the tightest policy
 * - `x-ratelimit`: the same three as `X-RateLimit-*`
 */
export type RateLimitFormat = 'draft' | 'trio' | 'x-ratelimit'

/** What fields are written to, such as a reply. */
interface Fields { header (name: string, value: string): unknown }

/** Writes the fields of one format; `allowances` holds at least one. */
export type HeaderWriter = (allowances: readonly Allowance[], fields: Fields) => void

export const headerWriters: Record<RateLimitFormat, HeaderWriter> = {
  draft (allowances, fields) {
    let limits = ''
    let policies = ''
    for (const { policy: { name, item }, remaining, reset } of allowances) {
      const separator = limits === '' ? '' : ', '
      limits += `${separator}"${name}";r=${remaining};t=${reset}`
      policies += separator + item
    }
    fields.header('ratelimit', limits)
    fields.header('ratelimit-policy', policies)
  },
  trio: threeFields('ratelimit'),
  'x-ratelimit': threeFields('x-ratelimit')
}

/** `"production";q=100;w=60`: quota and window (seconds) of a policy. */
export function policyItem (name: string, quota: number, window: number): string {
  return `"${name}";q=${quota};w=${window}`
}

/** The fields as an object, for the headers of an error. */
export function headersOf (writers: readonly HeaderWriter[], allowances: readonly Allowance[]): Record<string, string> {
  const written: Record<string, string> = {}
  for (const write of writers) write(allowances, { header (name, value) { written[name] = value } })
  return written
}

function threeFields (prefix: string): HeaderWriter {
  const limit = `${prefix}-limit`
  const remaining = `${prefix}-remaining`
  const reset = `${prefix}-reset`
  return function writeThreeFields (allowances, fields) {
    const tightest = allowances.reduce((least, one) => one.remaining < least.remaining ? one : least)
    fields.header(limit, String(tightest.policy.quota))
    fields.header(remaining, String(tightest.remaining))
    fields.header(reset, String(tightest.reset))
  }
}
