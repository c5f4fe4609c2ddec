import { html, nothing, type TemplateResult } from 'lit'
import { conflictWords } from '../changed-by.js'
import type { Actor, FormField, Stored, Subject } from '../form.js'
import type { FieldContext } from './field-context.js'
import { fieldView } from './form-fields.js'
import { icons } from './icons.js'
import { isShown } from './modal.js'
import { troubleView } from './notices.js'
import { say, type Shell } from './view.js'

/** The form of a verb, in a modal dialog. What was typed stays until it is closed. */
export function formDialog<C extends Actor, R extends Stored> (view: Shell<C, R>): TemplateResult | typeof nothing {
  const { kind, model, reading, state: { form, caller } } = view
  if (form === undefined || caller === undefined || !isShown(form)) return nothing
  const { verb, record, part, draft, busy, tried, trouble } = form
  const subject: Subject<C, R> = { caller, record, part, now: reading.now }
  const isPossible = record === undefined || verb.applies(record)
  const faults = tried ? verb.faults(draft, subject) : {}
  const context: FieldContext = { view, draft, faults, word: wordOf(verb.fields, subject) }
  const name = record === undefined ? '' : kind.nameOf(record, reading.strings)
  const isConflict = record !== undefined && trouble?.kind === 'conflict'
  const conflict = isConflict ? conflictWords(record, reading) : undefined
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
          ${verb.fields.map((field) => fieldView(field, subject, context))}
          ${troubleView(view, trouble, undefined, conflict)}
          ${isPossible ? nothing : html`<p class="fault" role="alert">${say(view, kind.noLongerPossible)}</p>`}
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

function wordOf<S> (fields: ReadonlyArray<FormField<S>>, subject: S): string {
  return fields.flatMap((field) => field.kind === 'confirmation' ? [field.word(subject)] : []).join('')
}
