import { html, nothing, type TemplateResult } from 'lit'
import { isOnlyName, only } from '../key-filter.js'
import { offered } from '../verbs.js'
import { icons } from './icons.js'
import { say, type View } from './view.js'

const valueOf = ({ target }: Event): string =>
  target instanceof HTMLInputElement || target instanceof HTMLSelectElement ? target.value : ''

/** Title, where a person acts, and the button that creates a key. */
export function headerView (view: View): TemplateResult {
  const { caller } = view.state
  const verbs = caller === undefined ? [] : offered('top', caller)
  return html`
    <header part="header" class="header">
      <div class="grow">
        <h2 part="title" tabindex="-1" id="title">${say(view, 'title')}</h2>
        <p class="muted">${say(view, 'intro')}</p>
      </div>
      ${placesView(view)}
      ${verbs.map((verb) => html`
        <button part="button primary" class="button primary" type="button" @click=${() => view.model.openForm(verb)}>
          ${icons.plus}${say(view, verb)}
        </button>`)}
    </header>`
}

function placesView (view: View): TemplateResult | typeof nothing {
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

/** Search, and which keys to show. */
export function filtersView (view: View): TemplateResult {
  const { model, state: { filter } } = view
  return html`
    <div class="filters" role="search">
      <div part="tabs" class="segments" role="group" aria-label=${say(view, 'show')}>
        ${(['live', 'ended'] as const).map((list) => html`
          <button type="button" aria-pressed=${filter.list === list}
            @click=${() => { model.filter({ list, only: 'all' }) }}>
            ${say(view, list)}
          </button>`)}
      </div>
      <div class="search grow">
        ${icons.search}
        <input part="input" type="search" autocomplete="off" spellcheck="false" aria-label=${say(view, 'search')}
          placeholder=${say(view, 'search')} .value=${filter.text}
          @input=${(event: Event) => { model.filter({ text: valueOf(event) }) }}>
      </div>
      ${filter.list === 'ended'
        ? nothing
        : html`
          <select part="input" aria-label=${say(view, 'show')} @change=${(event: Event) => {
            const name = valueOf(event)
            if (isOnlyName(name)) model.filter({ only: name })
          }}>
            ${Object.entries(only).map(([name, { label }]) =>
              html`<option value=${name} ?selected=${name === filter.only}>${say(view, label)}</option>`)}
          </select>`}
    </div>`
}
