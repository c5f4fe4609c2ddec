import { html, nothing, type TemplateResult } from 'lit'
import type { Several } from '../form.js'
import { chooseRung, includer, isLadder, presetOf, toggle, type Preset, type Resource } from '../scope-choice.js'
import { faultView, type FieldContext } from './field-context.js'
import { say } from './view.js'

type Scope = Resource['scopes'][number]

/** What is chosen by resource, or by a bundle that the host names. */
export function severalField<S> (
  field: Several<S>, subject: S, context: FieldContext
): TemplateResult | typeof nothing {
  const { draft } = context
  if (field.isShown?.(draft) === false) return nothing
  const presets = field.presets?.(subject) ?? []
  const chosen = draft.texts.custom === 'yes' ? undefined : presetOf(presets, draft.chosen)
  const isSingle = presets.length === 0 || chosen === undefined
  return html`
    ${presets.length === 0 ? nothing : presetsView(context, presets, chosen)}
    ${isSingle ? resourcesView(field, context, field.offer(subject)) : nothing}
    ${faultView(context, field.name)}`
}

function presetsView (context: FieldContext, presets: readonly Preset[], chosen: string | undefined): TemplateResult {
  const { view } = context
  const chooseNone = () => view.model.edit({ texts: { custom: 'yes' } })
  const choose = (scopes: readonly string[]) => view.model.edit({ chosen: scopes, texts: { custom: 'no' } })
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

function resourcesView (
  { name, label, help }: Pick<Several<never>, 'name' | 'label' | 'help'>,
  context: FieldContext,
  resources: readonly Resource[]
): TemplateResult {
  const { view, faults } = context
  return html`
    <fieldset class="field" aria-describedby=${`help-${name} fault-${name}`} aria-invalid=${name in faults}>
      <legend class="label">${say(view, label)}</legend>
      <p class="muted help" id=${`help-${name}`}>${say(view, help)}</p>
      <div class="resources">
        ${resources.map((one) => isLadder(one) ? ladderView(context, one) : resourceView(context, one, resources))}
      </div>
    </fieldset>`
}

function ladderView ({ view, draft }: FieldContext, ladder: Resource): TemplateResult {
  return html`<div class="cards">${ladder.scopes.map((one) => {
    const choose = () => view.model.edit({ chosen: chooseRung(ladder, draft.chosen, one.scope) })
    return cardView('level', one.scope, permits(one), draft.chosen.includes(one.scope), choose)
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
        const by = includer(resources, draft.chosen, scope)
        const note = by === undefined ? permits(one) : say(view, 'includedBy', { scope: by })
        return html`
          <label class="scope">
            <input type="checkbox" value=${scope} ?disabled=${by !== undefined}
              .checked=${by !== undefined || draft.chosen.includes(scope)}
              @change=${() => view.model.edit({ chosen: toggle(resources, draft.chosen, scope) })}>
            <span><code>${scope}</code> <span class="muted clamp" title=${note}>${note}</span></span>
          </label>`
      })}
    </fieldset>`
}

function permits ({ permissions }: Scope): string {
  return permissions.join(', ')
}
