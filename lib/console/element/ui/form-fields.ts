import { html, nothing, type TemplateResult } from 'lit'
import { expiryChoices, type Actor, type Choice, type FormField } from '../form.js'
import { faultView, type FieldContext } from './field-context.js'
import { severalField } from './several-field.js'
import { say } from './view.js'

export function fieldView<S extends { readonly caller: Actor }> (
  field: FormField<S>, subject: S, context: FieldContext
): TemplateResult | typeof nothing {
  const { view, word } = context
  switch (field.kind) {
    case 'line': {
      const { name, label, help, ...options } = field
      return lineView(context, name, say(view, label), { help: help && say(view, help), ...options })
    }
    case 'choice': {
      const choices = field.choices.map((one) => labelled(context, one))
      return choiceView(context, field.name, say(view, field.label), choices, 'stacked')
    }
    case 'environment': {
      const choices = subject.caller.environments.map((name) => ({ value: name, text: name }))
      return choices.length < 2 ? nothing : choiceView(context, 'environment', say(view, 'environment'), choices)
    }
    case 'several': return severalField(field, subject, context)
    case 'expiry': return expiryView(context)
    case 'confirmation': return lineView(context, 'confirmation', say(view, 'confirm', { word }))
  }
}

interface LineOptions {
  readonly help?: string | undefined
  readonly optional?: boolean | undefined
  readonly maxLength?: number | undefined
}

function lineView (context: FieldContext, name: string, label: string, options: LineOptions = {}): TemplateResult {
  const { help, optional = false, maxLength = 256 } = options
  const { view, draft } = context
  const edit = ({ target }: Event) => {
    if (target instanceof HTMLInputElement) view.model.edit({ texts: { [name]: target.value } })
  }
  return html`
    <div class="field">
      <label class="label" for=${`field-${name}`}><bdi>${label}</bdi>
        ${optional ? html`<span class="muted">(${say(view, 'optional')})</span>` : nothing}</label>
      <input part="input" id=${`field-${name}`} type="text" maxlength=${maxLength} dir="auto"
        autocomplete="off" spellcheck="false" aria-required=${!optional}
        aria-describedby=${`help-${name} fault-${name}`} aria-invalid=${name in context.faults}
        .value=${draft.texts[name] ?? ''} @input=${edit}>
      <p class="muted help" id=${`help-${name}`}>${help ?? nothing}</p>
      ${faultView(context, name)}
    </div>`
}

interface Labelled {
  readonly value: string
  readonly text: string
}

function labelled ({ view }: FieldContext, { value, label, values }: Choice): Labelled {
  return { value, text: say(view, label, values) }
}

function choiceView (
  context: FieldContext, name: string, label: string, choices: readonly Labelled[], layout = ''
): TemplateResult {
  const { view, draft } = context
  return html`
    <fieldset class="field">
      <legend class="label">${label}</legend>
      <div class="choices ${layout}">
        ${choices.map(({ value, text }) => html`
          <label class="choice">
            <input type="radio" name=${name} value=${value} .checked=${draft.texts[name] === value}
              @change=${() => view.model.edit({ texts: { [name]: value } })}>
            <span>${text}</span>
          </label>`)}
      </div>
    </fieldset>`
}

function expiryView (context: FieldContext): TemplateResult {
  const { view, draft: { texts } } = context
  const edit = ({ target }: Event) => {
    if (target instanceof HTMLInputElement) view.model.edit({ texts: { date: target.value } })
  }
  return html`
    ${choiceView(context, 'expiry', say(view, 'expiry'), expiryChoices.map((one) => labelled(context, one)))}
    ${texts.expiry !== 'date'
      ? nothing
      : html`<label class="field"><span class="label">${say(view, 'date')}</span>
          <input part="input" type="date" aria-describedby="fault-expiry" aria-invalid=${'expiry' in context.faults}
            .value=${texts.date ?? ''} @input=${edit}></label>`}
    ${faultView(context, 'expiry')}`
}
