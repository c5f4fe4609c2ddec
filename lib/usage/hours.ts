export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** Length of the buckets of each kind, in milliseconds. The Unix epoch began at a whole UTC hour and day. */
export const LENGTHS = { hour: HOUR_MS, day: DAY_MS } as const

/** When the hour or the day of an instant began. */
export function startOf (by: keyof typeof LENGTHS, instant: number): number {
  return Math.floor(instant / LENGTHS[by]) * LENGTHS[by]
}
