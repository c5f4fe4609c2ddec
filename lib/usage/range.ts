import { AccessError } from '../core/errors.js'
import { DAY_MS, LENGTHS, startOf } from './hours.js'

/** Which requests to report, and how finely. */
export interface UsageRange {
  /** By UTC hour, the default, or UTC day. */
  readonly by?: 'hour' | 'day' | undefined
  /** Rounded down to a whole hour or day; 24 hours, or 30 days, before `to` by default. */
  readonly from?: Date | undefined
  /** Exclusive, rounded up to a whole hour or day; the end of the present one by default. */
  readonly to?: Date | undefined
}

/** Whole UTC hours or days, in milliseconds since the Unix epoch; `to` is exclusive. */
export interface WholeRange {
  readonly by: 'hour' | 'day'
  readonly from: number
  readonly to: number
}

/** Days, where `from` is left out and at most. */
const days = { hour: { usual: 1, max: 32 }, day: { usual: 30, max: 366 } } as const

/** @throws AccessError KEY_INPUT_INVALID where the range is empty, or too long for its buckets */
export function readRange ({ by = 'hour', from, to }: UsageRange, now: number): WholeRange {
  const { usual, max } = days[by]
  const end = to === undefined ? startOf(by, now) + LENGTHS[by] : -startOf(by, -to.getTime())
  const start = from === undefined ? end - usual * DAY_MS : startOf(by, from.getTime())
  if (!(start < end)) throw invalid('from must be an instant before to')
  const asked = (end - start) / DAY_MS
  if (asked > max) throw invalid(`by ${by}, a report has at most ${max} days, not ${Math.ceil(asked)}: ask in parts`)
  return { by, from: start, to: end }
}

function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
