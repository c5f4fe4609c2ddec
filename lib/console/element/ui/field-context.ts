import { html, nothing, type TemplateResult } from 'lit'
import type { Draft, Faults } from '../form.js'
import type { Reading } from '../cells.js'
import { say } from './view.js'

/** What fields draw from. */
export interface FieldContext {
  readonly view: { readonly reading: Reading, readonly model: { edit (change: Partial<Draft>): void } }
  readonly draft: Draft
  readonly faults: Faults
  /** What a person types to confirm. */
  readonly word: string
}

/** What is wrong with a field. */
export function faultView ({ view, faults, word }: FieldContext, name: string): TemplateResult {
  const fault = faults[name]
  return html`<p class="fault" id=${`fault-${name}`}>${fault === undefined ? nothing : say(view, fault, { word })}</p>`
}
