import { html, nothing, type TemplateResult } from 'lit'
import type { Actor, Stored } from '../form.js'
import { offered } from '../verb.js'
import { icons } from './icons.js'
import { underway } from './modal.js'
import { say, valueOf, type Shell } from './view.js'

/** Title, where a person acts, and what is offered above the list. */
export function headerView<C extends Actor, R extends Stored> (view: Shell<C, R>): TemplateResult {
  const { kind, model, state: { caller } } = view
  const verbs = caller === undefined ? [] : offered(kind, 'top', caller)
  return html`
    <header part="header" class="header">
      <div class="grow">
        <h2 part="title" tabindex="-1" id="title">${say(view, kind.title)}</h2>
        <p class="muted">${say(view, kind.intro)}</p>
      </div>
      ${placesView(view)}
      ${verbs.map((verb) => html`
        <button part="button primary" class="button primary" type="button"
          aria-disabled=${underway(view.state) !== undefined} @click=${() => { model.openForm(verb) }}>
          ${icons.plus}${say(view, verb.label)}
        </button>`)}
    </header>`
}

function placesView<C extends Actor, R extends Stored> (view: Shell<C, R>): TemplateResult | typeof nothing {
  const { model, state: { caller } } = view
  if (caller === undefined) return nothing
  const { workspace, workspaces, environment, environments } = caller
  const choices = [
    { label: 'workspace', value: workspace, options: workspaces.map(({ id, name = id }) => [id, name]) },
    { label: 'environment', value: environment, options: environments.map((name) => [name, name]) }
  ] as const
  return html`${choices.filter(({ options }) => options.length > 1).map(({ label, value, options }) => html`
    <label class="field compact">
      <span class="label">${say(view, label)}</span>
      <select part="input" @change=${(event: Event) => { model.go({ [label]: valueOf(event) }) }}>
        ${options.map(([id, name]) => html`<option value=${id} ?selected=${id === value}>${name}</option>`)}
      </select>
    </label>`)}`
}
