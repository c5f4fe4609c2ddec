import type { CallerView, KeyView } from '../../management/index.js'
import { chooseRung, isLadder, type Resource } from './scope-choice.js'
import type { StringName } from './strings.js'

/** What a person has typed and chosen in a form. */
export interface Draft {
  readonly texts: Readonly<Record<string, string>>
  readonly scopes: readonly string[]
}

/** What a form is about. */
export interface Subject {
  readonly caller: CallerView
  /** Absent where there is no key yet. */
  readonly key?: KeyView | undefined
  /** Milliseconds since the epoch. */
  readonly now: number
}

export interface Choice {
  readonly value: string
  readonly label: StringName
  readonly values?: Readonly<Record<string, number>>
}

interface Line {
  readonly kind: 'line'
  readonly name: string
  readonly label: StringName
  readonly help?: StringName
  readonly optional?: true
}

interface OneOf {
  readonly kind: 'choice'
  readonly name: string
  readonly label: StringName
  readonly choices: readonly Choice[]
}

interface ScopesField {
  readonly kind: 'scopes'
  readonly name: 'scopes'
  /** What a person chooses from. */
  readonly offer: (subject: Subject) => readonly Resource[]
  readonly presets?: true
}

/** A field of a form; a view draws each kind in its own way. */
export type FormField = Line | OneOf | ScopesField
  | { readonly kind: 'environment', readonly name: 'environment' }
  | { readonly kind: 'expiry', readonly name: 'expiry' }
  | { readonly kind: 'confirmation', readonly name: 'confirmation' }

/** Name of a field → what is wrong with it. */
export type Faults = Readonly<Record<string, StringName>>

export const expiryChoices: readonly Choice[] = [
  { value: 'never', label: 'never' },
  ...[30, 60, 90].map((count) => ({ value: String(count), label: 'inDays', values: { count } }) as const),
  { value: '365', label: 'inYear' },
  { value: 'date', label: 'onDate' }
]

/**
 * The instant that was chosen; null for never, undefined where there is none yet. A date means the end of that day
 * where the reader is.
 */
export function expiryOf ({ texts }: Draft, now: number): string | null | undefined {
  const { expiry = 'never', date = '' } = texts
  if (expiry === 'never') return null
  const end = expiry === 'date' ? Date.parse(`${date}T23:59:59`) : now + Number(expiry) * 86_400_000
  return end > now ? new Date(end).toISOString() : undefined
}

/** What a person chooses from at first: nothing, but for a ladder its lowest rung. */
export function firstScopes ({ presets, scopes }: CallerView): readonly string[] {
  const [preset] = presets
  if (preset !== undefined) return preset.scopes
  const ladder = scopes.find(isLadder)
  const lowest = ladder?.scopes[0]
  return ladder === undefined || lowest === undefined ? [] : chooseRung(ladder, [], lowest.scope)
}
