import { html, nothing, type TemplateResult } from 'lit'
import type { Draft, Faults, Subject } from '../form.js'
import { confirmationWord } from '../key-facts.js'
import { say, type View } from './view.js'

export interface FieldContext {
  readonly view: View
  readonly draft: Draft
  readonly subject: Subject
  readonly faults: Faults
}

/** What is wrong with a field. */
export function faultView ({ view, faults, subject: { key } }: FieldContext, name: string): TemplateResult {
  const fault = faults[name]
  const word = key === undefined ? '' : confirmationWord(key)
  return html`<p class="fault" id=${`fault-${name}`}>${fault === undefined ? nothing : say(view, fault, { word })}</p>`
}
