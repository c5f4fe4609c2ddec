/** An instant for people: in words, and exactly. */
export interface TimeWords {
  /** Such as `3 days ago` or `in 2 hours`. */
  readonly words: string
  /** Such as `Nov 30, 2026, 5:19 PM GMT+1`. */
  readonly exact: string
  readonly iso: string
}

const STEPS = [
  ['year', 365 * 86_400], ['month', 30 * 86_400], ['week', 7 * 86_400], ['day', 86_400], ['hour', 3600], ['minute', 60]
] as const satisfies ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]>

/** @param now milliseconds since the epoch @param timeZone of the reader by default */
export function timeWords (iso: string, now: number, locale: string, timeZone?: string): TimeWords {
  const instant = new Date(iso)
  const exact = new Intl.DateTimeFormat(locale, {
    year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', timeZoneName: 'short', timeZone
  }).format(instant)
  return { words: relative((instant.getTime() - now) / 1000, locale), exact, iso }
}

function relative (seconds: number, locale: string): string {
  for (const [unit, length] of STEPS) {
    const amount = Math.trunc(seconds / length)
    // "yesterday" is as exact as "1 day ago"; "last month" is not as exact as "1 month ago".
    const numeric = unit === 'day' ? 'auto' : 'always'
    if (amount !== 0) return new Intl.RelativeTimeFormat(locale, { numeric }).format(amount, unit)
  }
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(0, 'second')
}

/** How long ago an instant was, to the second: never in the future, whatever the clocks of two machines say. */
export function agoWords (iso: string, now: number, locale: string): string {
  const seconds = Math.min(-1, Math.round((Date.parse(iso) - now) / 1000))
  return seconds > -60
    ? new Intl.RelativeTimeFormat(locale).format(seconds, 'second')
    : relative(seconds, locale)
}

/** How many days ago a day of UTC was, such as `today`. @param day milliseconds since the epoch */
export function dayWords (day: number, now: number, locale: string): string {
  const days = Math.floor(now / 86_400_000) - Math.floor(day / 86_400_000)
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-days, 'day')
}

/** A length of time, such as `1 day`. */
export function duration (seconds: number, locale: string): string {
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ['second', 1]
  const format = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' })
  return format.format(Math.round(seconds / length))
}

const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60]] as const

/** A length of time as it is, such as `90 seconds`. */
export function period (seconds: number, locale: string): string {
  const [unit, length] = UNITS.find(([, length]) => seconds % length === 0) ?? ['second', 1]
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / length)
}

/** Whether an instant is in less than these days, or past. */
export function isWithin (iso: string | undefined, days: number, now: number): boolean {
  return iso !== undefined && Date.parse(iso) - now < days * 86_400_000
}
