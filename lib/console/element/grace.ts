import type { Choice } from './form.js'

const HOUR = 3600
const DAY = 24 * HOUR

interface Grace {
  /** Seconds. */
  readonly grace: number
  readonly graceFrom?: 'first-use'
}

/** How long the secret before a rotation works, by what forms call it. */
export const graces: Readonly<Record<string, Grace>> = {
  none: { grace: 0 },
  hour: { grace: HOUR },
  day: { grace: DAY },
  week: { grace: 7 * DAY },
  'first-use': { grace: DAY, graceFrom: 'first-use' }
}

export const graceChoices: readonly Choice[] = [
  { value: 'none', label: 'graceNone' },
  { value: 'hour', label: 'graceHour' },
  { value: 'day', label: 'graceDay' },
  { value: 'week', label: 'graceWeek' }
]
