import { html, nothing, type TemplateResult } from 'lit'
import type { KeyView } from '../../../management/index.js'
import { details, nameOf, type Cell } from '../fields.js'
import { isCounted } from '../usage/model.js'
import { offered } from '../verb.js'
import { actionView } from './action.js'
import { usageView } from './usage/section.js'
import { say, type View } from './view.js'

/** All of a key: its fields, and what is done more rarely. A section of its own is added here. */
export function detailsView (view: View, key: KeyView): TemplateResult {
  const { reading, state: { caller } } = view
  const name = nameOf(key, reading.strings)
  const verbs = caller === undefined ? [] : offered(view.kind, 'details', caller, key)
  const shown = details.map(({ name, label, cell }) => ({ name, label, cell: cell(key, reading) }))
  return html`
    <section part="details" class="details-body" aria-label=${say(view, 'detailsOf', { name })}>
      <dl>
        ${shown.filter(({ cell }) => cell.kind !== 'nothing').map(({ name, label, cell }) => html`
          <div class="fact ${name}"><dt>${say(view, label)}</dt><dd>${cellView(cell, true)}</dd></div>`)}
      </dl>
      ${isCounted(caller) ? usageView(view, key) : nothing}
      <div class="actions">
        ${verbs.map((verb) => actionView(view, verb, { record: key, name }))}
      </div>
    </section>`
}

/** @param isFull whether a time is shown exactly too, not only on hover */
export function cellView (cell: Cell, isFull = false): TemplateResult {
  switch (cell.kind) {
    case 'nothing': return html``
    case 'text': return html`<bdi>${cell.text}</bdi>`
    case 'code': return html`<code class="id">${cell.text}</code>`
    case 'time': {
      const { words, exact, iso } = cell.time
      const time = html`<time datetime=${iso} title=${exact}>${words}</time>`
      return isFull ? html`${time} <span class="muted">${exact}</span>` : time
    }
    case 'rows':
      return html`<ul>${cell.rows.map(({ code, note, exact }) => html`
        <li><code class="chip">${code}</code> <span class="muted" title=${exact ?? nothing}>${note}</span></li>`)}</ul>`
    case 'pairs':
      return html`<ul>${cell.pairs.map(([name, value]) => html`<li><bdi>${name}</bdi>: <bdi>${value}</bdi></li>`)}</ul>`
  }
}
