import { html, nothing, type TemplateResult } from 'lit'
import { details, nameOf } from '../fields.js'
import type { CountedKey } from '../key-facts.js'
import { isCounted } from '../usage/model.js'
import { offered } from '../verb.js'
import { actionView } from './action.js'
import { factsView } from './facts.js'
import { usageView } from './usage/section.js'
import { say, type View } from './view.js'

/** All of a key: its fields, and what is done more rarely. A section of its own is added here. */
export function detailsView (view: View, key: CountedKey): TemplateResult {
  const { reading, state: { caller } } = view
  const name = nameOf(key, reading.strings)
  const verbs = caller === undefined ? [] : offered(view.kind, 'details', caller, key)
  return html`
    <section part="details" class="details-body" aria-label=${say(view, 'detailsOf', { name })}>
      ${factsView(view, details, key)}
      ${isCounted(caller) ? usageView(view, key) : nothing}
      <div class="actions">
        ${verbs.map((verb) => actionView(view, verb, { record: key, name }))}
      </div>
    </section>`
}
