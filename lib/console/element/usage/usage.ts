import type { StringName } from '../strings.js'

/** Requests of one hour or day, as the key routes answer them; those without any are left out. */
export interface Bucket {
  /** When it begins. */
  readonly at: string
  readonly admitted: number
  readonly limited: number
  /** Other refusals, by code. */
  readonly refused: Readonly<Record<string, number>>
}

/** At most `quota` units in `window` seconds. */
export interface Policy {
  readonly name: string
  readonly quota: number
  readonly window: number
}

export interface Usage {
  readonly by: By
  readonly from: string
  readonly to: string
  readonly buckets: readonly Bucket[]
}

export interface KeyUsage extends Usage {
  readonly limits: readonly Policy[]
}

export type By = 'hour' | 'day'

/** Seconds of a bucket. */
export const lengths: Readonly<Record<By, number>> = { hour: 3600, day: 86_400 }

/** The latest buckets, of which the last is not over yet. */
export interface Range {
  readonly by: By
  readonly count: number
}

/** What a person chooses from in the details of a key. */
export const ranges = {
  day: { label: 'lastDay', by: 'hour', count: 24 },
  week: { label: 'lastWeek', by: 'hour', count: 168 },
  month: { label: 'lastMonth', by: 'day', count: 30 }
} as const satisfies Record<string, Range & { label: StringName }>

export type RangeName = keyof typeof ranges

export const rangeNames = Object.keys(ranges).filter((name): name is RangeName => Object.hasOwn(ranges, name))

/** What the list shows of each key. */
export const listRange: Range = { by: 'day', count: 7 }

/** The query that asks for a range. @param now milliseconds since the epoch */
export function queryOf ({ by, count }: Range, now: number): { readonly from: string, readonly to: string, by: By } {
  const length = lengths[by] * 1000
  const end = (Math.floor(now / length) + 1) * length
  return { by, from: new Date(end - count * length).toISOString(), to: new Date(end).toISOString() }
}

export type Outcome = 'admitted' | 'limited' | 'refused'

/** In the order in which they are shown. */
export const outcomes: readonly Outcome[] = ['admitted', 'limited', 'refused']

/** How many requests had which outcome. */
export type Counts = Readonly<Record<Outcome, number>>

export interface Bar extends Counts {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly codes: Readonly<Record<string, number>>
}

/** A bar for each hour or day, those without requests too. */
export function barsOf ({ by, from, to, buckets }: Usage): readonly Bar[] {
  const length = lengths[by] * 1000
  const start = Date.parse(from)
  const known = new Map(buckets.map((bucket) => [Date.parse(bucket.at), bucket]))
  return Array.from({ length: Math.ceil((Date.parse(to) - start) / length) }, (_, i) => {
    const at = start + i * length
    const { admitted = 0, limited = 0, refused: codes = {} } = known.get(at) ?? {}
    return { at, admitted, limited, refused: sum(Object.values(codes)), codes }
  })
}

export function totalsOf (bars: readonly Counts[]): Counts {
  const total = (outcome: Outcome) => sum(bars.map((bar) => bar[outcome]))
  return { admitted: total('admitted'), limited: total('limited'), refused: total('refused') }
}

/** When the latest bar with an admitted request begins. */
export function latestUse (bars: readonly Bar[]): number | undefined {
  return bars.findLast(({ admitted }) => admitted > 0)?.at
}

export function requestsOf ({ admitted, limited, refused }: Counts): number {
  return admitted + limited + refused
}

/** How often each code was answered, the most frequent first. */
export function codesOf (bars: readonly Bar[]): ReadonlyArray<readonly [code: string, count: number]> {
  const counts = new Map<string, number>()
  for (const { codes } of bars) {
    for (const [code, count] of Object.entries(codes)) counts.set(code, (counts.get(code) ?? 0) + count)
  }
  return [...counts].sort(([a, one], [b, other]) => other - one || a.localeCompare(b))
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
