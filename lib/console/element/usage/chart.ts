import { lengths, type Bar, type By, type Policy } from './usage.js'

/** Steps of a scale, in the unit of the number of digits. */
const STEPS = [1, 1.2, 1.5, 2, 3, 4, 5, 6, 8]

/** The least round number that is not below `peak`. */
export function scaleOf (peak: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(peak, 1)))
  return (STEPS.find((step) => step * unit >= peak) ?? 10) * unit
}

/** A part of each bar, in the units of the bar. */
export interface Part {
  readonly from: number
  readonly to: number
}

/** Height of the box that paths are drawn in; its width is the number of bars. */
export const BOX = 100

/** Least height of a part that is not empty, so that one request in a thousand is seen. */
const LEAST = 4

/** Bars as one path, since hundreds of elements a key are slow. @param gap between bars, of the width of one */
export function barsPath (parts: readonly Part[], top: number, gap: number): string {
  return parts.map(({ from, to }, i) => {
    if (to <= from) return ''
    const low = BOX * from / top
    const high = Math.min(BOX, Math.max(BOX * to / top, low + LEAST))
    return `M${round(i + gap / 2)} ${round(BOX - low)}V${round(BOX - high)}h${round(1 - gap)}V${round(BOX - low)}z`
  }).join('')
}

function round (number: number): number {
  return Math.round(number * 100) / 100
}

/** Gap between bars: with many of them there is no room for one. */
export function gapOf (count: number): number {
  return count > 60 ? 0 : 0.25
}

/** A limit as the height of a bar. */
export interface LimitLine {
  readonly policy: Policy
  readonly height: number
}

/** How many times higher than the highest bar a line may be: with more, the bars would be flat. */
const ROOM = 3

/**
 * The tightest limit that a bar can be compared with: what its rate comes to in the time of one bar. A window that is
 * longer than a bar says nothing of a single bar, since all of its quota may be used in one.
 */
export function limitLineOf (limits: readonly Policy[], by: By, peak: number): LimitLine | undefined {
  const [tightest] = limits
    .filter(({ window }) => window <= lengths[by])
    .map((policy) => ({ policy, height: policy.quota * lengths[by] / policy.window }))
    .sort((one, other) => one.height - other.height)
  return tightest === undefined || tightest.height > peak * ROOM ? undefined : tightest
}

export interface Tick {
  /** Where it is, of the width of the picture. */
  readonly x: number
  readonly label: string
}

/** Ticks nearer to the end than this have no room for their label. */
const LAST = 0.93

/** Ticks at round times of the reader: each six hours, each midnight; days are those of UTC, each Monday. */
export function ticksOf (bars: readonly Bar[], by: By, locale: string, timeZone?: string): readonly Tick[] {
  const { isTick, format } = by === 'day' ? days(locale) : hours(bars.length, locale, timeZone)
  return bars
    .map(({ at }, i) => ({ at, x: i / bars.length }))
    .filter(({ at, x }) => x < LAST && isTick(at))
    .map(({ at, x }) => ({ x, label: format.format(at) }))
}

function days (locale: string) {
  return {
    isTick: (at: number) => new Date(at).getUTCDay() === 1,
    format: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' })
  }
}

function hours (count: number, locale: string, timeZone?: string) {
  const clock = new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone })
  const every = count > 48 ? 24 : 6
  const shown = count > 48 ? { weekday: 'short' } as const : { timeStyle: 'short' } as const
  return {
    isTick: (at: number) => Number(clock.format(at)) % every === 0,
    format: new Intl.DateTimeFormat(locale, { ...shown, timeZone })
  }
}

/** When a bar is, for people. */
export function barTime (at: number, by: By, locale: string, timeZone?: string): string {
  if (by === 'day') {
    const day = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
    return day.format(at)
  }
  const hour = new Intl.DateTimeFormat(locale, {
    weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit', timeZone
  })
  return hour.formatRange(at, at + lengths.hour * 1000)
}
