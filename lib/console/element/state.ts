import type { CallerView, KeyView } from '../../management/index.js'
import type { Draft } from './form.js'
import { noFilter, type Filter } from './key-filter.js'
import type { Trouble } from './trouble.js'
import type { VerbName } from './verbs.js'

/** A form that is open. */
export interface OpenForm {
  readonly verb: VerbName
  readonly key?: KeyView | undefined
  readonly draft: Draft
  /** Whether faults are shown: not before a person has tried. */
  readonly tried: boolean
  readonly busy: boolean
  readonly trouble?: Trouble | undefined
}

/** A secret that is on the screen, and nowhere else. */
export interface ShownSecret {
  readonly name: string
  readonly secret: string
  readonly copied: 'no' | 'yes' | 'refused'
  /** Somebody wants to close it without having copied. */
  readonly leaving: boolean
}

/** Everything that the element shows. */
export interface State {
  readonly caller?: CallerView | undefined
  readonly keys: readonly KeyView[]
  /** Cursor of the next page of the server; absent once all keys are here. */
  readonly next?: string | undefined
  /** Keys of the list are asked for. */
  readonly busy: boolean
  /** Why keys could not be asked for. */
  readonly trouble?: Trouble | undefined
  readonly filter: Filter
  /** How many keys to show. */
  readonly shown: number
  /** Id of the key whose details are open. */
  readonly open?: string | undefined
  readonly form?: OpenForm | undefined
  readonly secret?: ShownSecret | undefined
  /** What was done last, for a live region. */
  readonly message: string
}

/** Keys that are shown at first, and that `more` adds. */
export const SHOWN = 50

export const firstState: State = { keys: [], busy: true, filter: noFilter, shown: SHOWN, message: '' }
