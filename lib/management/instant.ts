import { AccessError } from '../core/errors.js'
import { EXISTING_INSTANT } from '../core/input.js'

/**
 * Reads an RFC 3339 date-time whose form its schema has checked.
 * @returns undefined where there is no such day or time, such as 30 February, which `Date` would take for 2 March
 */
export function readInstant (text: string): Date | undefined {
  const [day, hour] = [text.slice(0, 10), text.slice(11, 13)]
  const midnight = new Date(`${day}T00:00:00Z`)
  const instant = new Date(text)
  if (Number.isNaN(midnight.getTime()) || Number.isNaN(instant.getTime())) return undefined
  return hour !== '24' && midnight.toISOString().startsWith(day) ? instant : undefined
}

/** The same of a field of a request. @throws AccessError where there is no such day or time */
export function instantOf (field: string, text: string): Date {
  const instant = readInstant(text)
  if (instant !== undefined) return instant
  const detail = `${field} must be ${EXISTING_INSTANT}, not ${JSON.stringify(text)}`
  throw new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
