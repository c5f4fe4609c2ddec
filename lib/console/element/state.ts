import type { CallerView, KeyView } from '../../management/index.js'
import type { DialogState } from './dialogs.js'
import { noFilter, type Filter } from './key-filter.js'
import type { Trouble } from './trouble.js'

/** Everything that the element shows. */
export interface State extends DialogState<CallerView, KeyView> {
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
}

/** Keys that are shown at first, and that `more` adds. */
export const SHOWN = 50

export const firstState: State = { keys: [], busy: true, filter: noFilter, shown: SHOWN, message: '' }
