import { html, nothing, type TemplateResult } from 'lit'
import type { Cell, Field, Reading } from '../cells.js'
import { say } from './view.js'

/** Fields of a record that have something to show. */
export function factsView<R> (
  view: { readonly reading: Reading }, fields: ReadonlyArray<Field<R>>, record: R
): TemplateResult {
  const shown = fields.map(({ name, label, cell }) => ({ name, label, cell: cell(record, view.reading) }))
  return html`
    <dl>
      ${shown.filter(({ cell }) => cell.kind !== 'nothing').map(({ name, label, cell }) => html`
        <div class="fact ${name}"><dt>${say(view, label)}</dt><dd>${cellView(cell, true)}</dd></div>`)}
    </dl>`
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
