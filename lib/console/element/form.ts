import type { CallerView, KeyView } from '../../management/index.js'
import { chooseRung, isLadder, type Preset, type Resource } from './scope-choice.js'
import type { StringName } from './strings.js'

/** What a page knows of whoever acts, whatever is managed. */
export type Actor = Pick<CallerView, 'workspace' | 'environment' | 'may' | 'workspaces' | 'environments'>

/** What is managed, as responses show it. */
export type Stored = Pick<KeyView, 'id' | 'version' | 'updatedAt' | 'updatedBy'>

/** What a person has typed and chosen in a form. */
export interface Draft {
  readonly texts: Readonly<Record<string, string>>
  /** Of a list of which several may be chosen. */
  readonly chosen: readonly string[]
}

/** What a form is about. */
export interface Subject<C extends Actor, R extends Stored> {
  readonly caller: C
  /** Absent where there is none yet. */
  readonly record?: R | undefined
  /** Id of what the record contains, where the form is about that. */
  readonly part?: string | undefined
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
  /** 256 by default. */
  readonly maxLength?: number
}

interface OneOf {
  readonly kind: 'choice'
  readonly name: string
  readonly label: StringName
  readonly choices: readonly Choice[]
}

/** A list of which several may be chosen, by resource. */
export interface Several<S> {
  readonly kind: 'several'
  readonly name: string
  readonly label: StringName
  readonly help: StringName
  offer (subject: S): readonly Resource[]
  presets? (subject: S): readonly Preset[]
  /** Whether it is shown; always without it. */
  isShown? (draft: Draft): boolean
}

interface Confirmation<S> {
  readonly kind: 'confirmation'
  readonly name: 'confirmation'
  /** What a person types. */
  word (subject: S): string
}

/** A field of a form; a view draws each kind in its own way. */
export type FormField<S> = Line | OneOf | Several<S> | Confirmation<S>
  | { readonly kind: 'environment', readonly name: 'environment' }
  | { readonly kind: 'expiry', readonly name: 'expiry' }

/** Name of a field → what is wrong with it. */
export type Faults = Readonly<Record<string, StringName>>

export const emptyDraft: Draft = { texts: {}, chosen: [] }
export const noFaults: Faults = {}

/** What was typed in a line; undefined where that is nothing. */
export const lineOf = ({ texts }: Draft, name: string): string | undefined => texts[name]?.trim() || undefined

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
