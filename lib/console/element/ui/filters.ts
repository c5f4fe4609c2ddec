import { html, nothing, type TemplateResult } from 'lit'
import { isOnlyName, only } from '../key-filter.js'
import { icons } from './icons.js'
import { say, valueOf, type View } from './view.js'

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
