import { html, nothing, type TemplateResult } from 'lit'
import type { FormField } from '../form.js'
import { chooseRung, includer, isLadder, presetOf, toggle, type Preset, type Resource } from '../scope-choice.js'
import { faultView, type FieldContext } from './field-context.js'
import { say } from './view.js'

type ScopesField = Extract<FormField, { kind: 'scopes' }>
type Scope = Resource['scopes'][number]

/** Scopes by resource, or by a bundle that the host names. */
export function scopesField (field: ScopesField, context: FieldContext): TemplateResult {
  const { draft, subject } = context
  const resources = field.offer(subject)
  const presets = field.presets === true ? subject.caller.presets : []
  const chosen = draft.texts.custom === 'yes' ? undefined : presetOf(presets, draft.scopes)
  return html`
    ${presets.length === 0 ? nothing : presetsView(context, presets, chosen)}
    ${presets.length > 0 && chosen !== undefined ? nothing : resourcesView(context, resources)}
    ${faultView(context, 'scopes')}`
}

function presetsView (context: FieldContext, presets: readonly Preset[], chosen: string | undefined): TemplateResult {
  const { view } = context
  const chooseNone = () => view.model.edit({ texts: { custom: 'yes' } })
  const choose = (scopes: readonly string[]) => view.model.edit({ scopes, texts: { custom: 'no' } })
  return html`
    <fieldset class="field">
      <legend class="label">${say(view, 'type')}</legend>
      <div class="cards">
        ${presets.map(({ name, description, scopes }) =>
          cardView('preset', name, description ?? scopes.join(', '), chosen === name, () => choose(scopes)))}
        ${cardView('preset', say(view, 'custom'), say(view, 'customHelp'), chosen === undefined, chooseNone)}
      </div>
    </fieldset>`
}

function cardView (name: string, title: string, text: string, isChecked: boolean, choose: () => void): TemplateResult {
  return html`
    <label class="card">
      <input type="radio" name=${name} .checked=${isChecked} @change=${choose}>
      <span><strong><bdi>${title}</bdi></strong><span class="muted clamp" title=${text}>${text}</span></span>
    </label>`
}

function resourcesView (context: FieldContext, resources: readonly Resource[]): TemplateResult {
  const { view, faults } = context
  return html`
    <fieldset class="field" aria-describedby="help-scopes fault-scopes" aria-invalid=${'scopes' in faults}>
      <legend class="label">${say(view, 'scopes')}</legend>
      <p class="muted help" id="help-scopes">${say(view, 'scopesHelp')}</p>
      <div class="resources">
        ${resources.map((one) => isLadder(one) ? ladderView(context, one) : resourceView(context, one, resources))}
      </div>
    </fieldset>`
}

function ladderView ({ view, draft }: FieldContext, ladder: Resource): TemplateResult {
  return html`<div class="cards">${ladder.scopes.map((one) => {
    const choose = () => view.model.edit({ scopes: chooseRung(ladder, draft.scopes, one.scope) })
    return cardView('level', one.scope, permits(one), draft.scopes.includes(one.scope), choose)
  })}</div>`
}

function resourceView (
  context: FieldContext, { title, scopes }: Resource, resources: readonly Resource[]
): TemplateResult {
  const { view, draft } = context
  return html`
    <fieldset class="resource">
      <legend>${title}</legend>
      ${scopes.map((one) => {
        const { scope } = one
        const by = includer(resources, draft.scopes, scope)
        const note = by === undefined ? permits(one) : say(view, 'includedBy', { scope: by })
        return html`
          <label class="scope">
            <input type="checkbox" value=${scope} ?disabled=${by !== undefined}
              .checked=${by !== undefined || draft.scopes.includes(scope)}
              @change=${() => view.model.edit({ scopes: toggle(resources, draft.scopes, scope) })}>
            <span><code>${scope}</code> <span class="muted clamp" title=${note}>${note}</span></span>
          </label>`
      })}
    </fieldset>`
}

function permits ({ permissions }: Scope): string {
  return permissions.join(', ')
}
