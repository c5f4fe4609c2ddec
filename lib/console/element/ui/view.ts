import type { Reading } from '../fields.js'
import type { Model } from '../model.js'
import type { State } from '../state.js'
import { fill, type StringName } from '../strings.js'
import type { UsageModel } from '../usage-model.js'

/** What all views draw from. */
export interface View {
  readonly state: State
  readonly model: Model
  readonly usage: UsageModel
  readonly reading: Reading
  /** Where a person signs in; nowhere where it is ''. */
  readonly signInUrl: string
  copySecret (): void
}

/** A text with its values filled in. */
export function say (view: View, name: StringName, values: Readonly<Record<string, string | number>> = {}): string {
  return fill(view.reading.strings[name], values)
}
