import { html, type TemplateResult } from 'lit'
import type { Actor, Stored } from '../form.js'
import type { Verb } from '../verb.js'
import { say, type Shell } from './view.js'

/** What a verb is done to. */
export interface Target<R extends Stored> {
  readonly record: R
  /** For people. */
  readonly name: string
  readonly part?: string | undefined
}

/** The button that opens the form of a verb. */
export function actionView<C extends Actor, R extends Stored> (
  view: Shell<C, R>, verb: Verb<C, R>, { record, name, part }: Target<R>
): TemplateResult {
  const label = say(view, verb.label)
  return html`
    <button part="button" class="button small ${verb.tone ?? ''}" type="button"
      aria-label=${say(view, 'actionOn', { action: label, name })}
      @click=${() => { view.model.openForm(verb, record, part) }}>
      ${label}
    </button>`
}
