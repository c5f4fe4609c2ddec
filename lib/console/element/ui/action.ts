import { html, nothing, type TemplateResult } from 'lit'
import type { Actor, Stored } from '../form.js'
import type { Verb } from '../verb.js'
import { underway } from './modal.js'
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
  const other = underway(view.state)
  const isThis = other?.verb === verb && other.record?.id === record.id && other.part === part
  const label = say(view, isThis ? 'working' : verb.label)
  return html`
    <button part="button" class="button small ${verb.tone ?? ''}" type="button"
      aria-label=${say(view, 'actionOn', { action: label, name })}
      aria-disabled=${other !== undefined} aria-busy=${isThis}
      title=${other === undefined ? nothing : say(view, 'wait')}
      @click=${() => { view.model.openForm(verb, record, part) }}>
      ${label}
    </button>`
}
