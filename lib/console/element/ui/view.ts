import type { CallerView, KeyView } from '../../../management/index.js'
import type { Place } from '../api.js'
import type { DialogState, Dialogs } from '../dialogs.js'
import type { Reading } from '../cells.js'
import type { Actor, Stored } from '../form.js'
import type { Model } from '../model.js'
import type { State } from '../state.js'
import { fill, type StringName } from '../strings.js'
import type { UsageModel } from '../usage/model.js'
import type { Kind } from '../verb.js'

/** What all views draw from, whatever the element manages. */
export interface Shell<C extends Actor, R extends Stored> {
  readonly kind: Kind<C, R>
  readonly state: DialogState<C, R>
  readonly model: Dialogs<C, R> & { go (to: Place): Promise<void> }
  readonly reading: Reading
  /** Where a person signs in; nowhere where it is ''. */
  readonly signInUrl: string
  copySecret (): void
}

/** What views of keys draw from. */
export interface View extends Shell<CallerView, KeyView> {
  readonly state: State
  readonly model: Model
  readonly usage: UsageModel
}

type Values = Readonly<Record<string, string | number>>

/** A text with its values filled in. */
export function say ({ reading }: { readonly reading: Reading }, name: StringName, values: Values = {}): string {
  return fill(reading.strings[name], values)
}

/** What was typed or chosen. */
export const valueOf = ({ target }: Event): string =>
  target instanceof HTMLInputElement || target instanceof HTMLSelectElement ? target.value : ''
