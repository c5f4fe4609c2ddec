import type { Actor, Draft, Faults, FormField, Stored, Subject } from './form.js'
import type { StringName, Strings } from './strings.js'
import type { TroubleTexts } from './trouble.js'

/** What a person may do: its form, its request, and what is said when it is done. */
export interface Verb<C extends Actor, R extends Stored> {
  readonly label: StringName
  readonly title: StringName
  readonly intro?: StringName
  readonly done: StringName
  /** What the caller needs. */
  readonly needs: keyof Actor['may']
  /** Where it is offered: above the list, next to each record, in the details of one, or next to a part of it. */
  readonly place: 'top' | 'row' | 'details' | 'part'
  readonly tone?: 'danger'
  /** Done at once: its form is shown only where something went wrong. */
  readonly isDirect?: true
  readonly fields: ReadonlyArray<FormField<Subject<C, R>>>
  applies (record: R): boolean
  draft (subject: Subject<C, R>): Draft
  faults (draft: Draft, subject: Subject<C, R>): Faults
  request (draft: Draft, subject: Subject<C, R>): Asked
}

/** What is asked of the server. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: object
}

/** What an element manages, and what it calls that. */
export interface Kind<C extends Actor, R extends Stored> {
  readonly verbs: ReadonlyArray<Verb<C, R>>
  readonly title: StringName
  readonly intro: StringName
  /** What a new secret is for, and what follows where it is closed without a copy. */
  readonly secretText: StringName
  readonly leaveText: StringName
  /** Said where a record no longer allows a verb whose form is open. */
  readonly noLongerPossible: StringName
  readonly troubles: TroubleTexts
  /** For people. */
  nameOf (record: R, strings: Strings): string
}

/** The verbs that a place offers for a record. */
export function offered<C extends Actor, R extends Stored> (
  { verbs }: Pick<Kind<C, R>, 'verbs'>, place: Verb<C, R>['place'], { may }: Actor, record?: R
): ReadonlyArray<Verb<C, R>> {
  return verbs.filter((verb) =>
    verb.place === place && may[verb.needs] && (record === undefined || verb.applies(record)))
}

/** A request below the path of a record. @param path from there on */
export function requestOn (
  { record }: { readonly record?: Stored | undefined }, method: string, path: string, body: object
): Asked {
  return { method, path: `/${encodeURIComponent(record?.id ?? '')}${path}`, body }
}
