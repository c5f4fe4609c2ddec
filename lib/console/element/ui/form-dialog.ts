import { html, nothing, type TemplateResult } from 'lit'
import { nameOf } from '../fields.js'
import type { Subject } from '../form.js'
import { verbs, type Verb } from '../verbs.js'
import type { FieldContext } from './field-context.js'
import { fieldView } from './form-fields.js'
import { icons } from './icons.js'
import { troubleView } from './notices.js'
import { say, type View } from './view.js'

/** The form of a verb, in a modal dialog. What was typed stays until it is closed. */
export function formDialog (view: View): TemplateResult | typeof nothing {
  const { model, reading, state: { form, caller } } = view
  if (form === undefined || caller === undefined) return nothing
  const verb: Verb = verbs[form.verb]
  const { key, draft, busy, tried, trouble } = form
  const subject: Subject = { caller, key, now: reading.now }
  const isPossible = key === undefined || verb.applies(key)
  const context: FieldContext = { view, draft, subject, faults: tried ? verb.faults(draft, subject) : {} }
  const name = key === undefined ? '' : nameOf(key, reading.strings)
  const close = () => { if (!busy) model.closeForm() }

  function submit (event: Event): void {
    event.preventDefault()
    if (isPossible) model.submit()
  }

  return html`
    <dialog part="dialog" class="dialog" aria-labelledby="form-title"
      @cancel=${(event: Event) => { event.preventDefault(); close() }} @close=${close}>
      <form novalidate autocomplete="off" @submit=${submit}>
        <div class="dialog-head">
          <h3 id="form-title"><bdi>${say(view, verb.title, { name })}</bdi></h3>
          <button class="button plain" type="button" aria-label=${say(view, 'close')} @click=${close}>
            ${icons.close}
          </button>
        </div>
        <div class="dialog-body">
          ${verb.intro === undefined ? nothing : html`<p>${say(view, verb.intro)}</p>`}
          ${verb.fields.map((field) => fieldView(field, context))}
          ${troubleView(view, trouble)}
          ${isPossible ? nothing : html`<p class="fault" role="alert">${say(view, 'noLongerPossible')}</p>`}
        </div>
        <div class="dialog-foot">
          <button part="button" class="button" type="button" @click=${close}>${say(view, 'cancel')}</button>
          <button part="button primary" class="button primary ${verb.tone ?? ''}" type="submit"
            aria-disabled=${busy || !isPossible}>
            ${busy ? say(view, 'working') : say(view, verb.label)}
          </button>
        </div>
      </form>
    </dialog>`
}
