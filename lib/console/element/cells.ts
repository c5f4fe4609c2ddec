import type { StringName, Strings } from './strings.js'
import { timeWords, type TimeWords } from './time-words.js'

/** Something technical, with a word on it. */
export interface Row {
  readonly code: string
  readonly note: string
  readonly exact?: string
}

/** What a field shows of a key; a view draws each kind in its own way. */
export type Cell =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'text' | 'code', readonly text: string }
  | { readonly kind: 'time', readonly time: TimeWords }
  | { readonly kind: 'rows', readonly rows: readonly Row[] }
  | { readonly kind: 'pairs', readonly pairs: ReadonlyArray<readonly [name: string, value: string]> }

/** What words depend on. */
export interface Reading {
  readonly now: number
  readonly locale: string
  readonly strings: Strings
}

/** One thing that a page shows of a record. */
export interface Field<R> {
  readonly name: string
  readonly label: StringName
  cell (record: R, reading: Reading): Cell
}

export const nothing: Cell = { kind: 'nothing' }
export const textCell = (text: string | undefined): Cell => text === undefined ? nothing : { kind: 'text', text }

export function timeCell (iso: string | undefined, { now, locale }: Reading, otherwise?: string): Cell {
  return iso === undefined ? textCell(otherwise) : { kind: 'time', time: timeWords(iso, now, locale) }
}
