import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { KeyView } from '../../../management/index.js'
import { badgesOf, columns, endedColumns, hintOf, nameOf, type Cell, type Field } from '../fields.js'
import { filterKeys } from '../key-filter.js'
import type { StringName } from '../strings.js'
import { isCounted } from '../usage/model.js'
import { offered } from '../verb.js'
import { actionView } from './action.js'
import { cellView, detailsView } from './details.js'
import { icons } from './icons.js'
import { sparklineView } from './usage/sparkline.js'
import { say, type View } from './view.js'

/** The keys that fit the filter, or why there are none. */
export function listView (view: View): TemplateResult {
  const { state, reading, model } = view
  const { keys, filter, shown, next, busy } = state
  const fitting = filterKeys(keys, filter, reading.now)
  const rows = fitting.slice(0, shown)
  if (rows.length === 0) return busy ? loadingView(view) : emptyView(view)
  const hasMore = fitting.length > rows.length || next !== undefined
  const count = fitting.length === 1 && !hasMore
    ? say(view, 'countOne')
    : say(view, next === undefined ? 'count' : 'countMore', { count: fitting.length })
  const heads = headsOf(view)
  const more = html`
    <button part="button" class="button" type="button" ?disabled=${busy} @click=${() => { model.more() }}>
      ${say(view, 'more')}
    </button>`
  return html`
    <table part="table" role="table" aria-labelledby="title" aria-busy=${busy}>
      <thead role="rowgroup">
        <tr role="row">
          ${heads.map((label) => html`<th role="columnheader" scope="col">${say(view, label)}</th>`)}
          <th role="columnheader" scope="col"><span class="hidden">${say(view, 'actions')}</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">${repeat(rows, ({ id }) => id, (key) => rowView(view, key))}</tbody>
    </table>
    <footer class="footer">
      <p class="muted" role="status">${busy ? say(view, 'searching') : count}</p>
      ${view.usage.state.listTrouble === undefined ? nothing : usageTroubleView(view)}
      ${hasMore ? more : nothing}
    </footer>`
}

/** Usage is the least of what the list shows: where it fails, it says so in a line. */
function usageTroubleView (view: View): TemplateResult {
  return html`
    <p class="muted grow" role="status">
      ${say(view, 'noListUsage')}
      <button part="button" class="button small" type="button" @click=${() => { view.usage.loadList() }}>
        ${say(view, 'tryAgain')}
      </button>
    </p>`
}

function headsOf (view: View): readonly StringName[] {
  const fields = columnsOf(view).map(({ label }) => label)
  return ['name', 'scopes', ...fields, ...hasSparklines(view) ? ['listRange'] as const : []]
}

function hasSparklines ({ state: { caller, filter } }: View): boolean {
  return isCounted(caller) && filter.list === 'live'
}

function columnsOf ({ state: { filter } }: View): readonly Field[] {
  return filter.list === 'live' ? columns : endedColumns
}

function rowView (view: View, key: KeyView): TemplateResult {
  const { state: { open, caller }, reading, model } = view
  const name = nameOf(key, reading.strings)
  const isOpen = open === key.id
  const verbs = caller === undefined ? [] : offered(view.kind, 'row', caller, key)
  const detailsRow = html`
    <tr role="row" class="details">
      <td role="cell" colspan=${headsOf(view).length + 1} id=${`details-${key.id}`}>${detailsView(view, key)}</td>
    </tr>`
  const usageCell = html`<td role="cell" class="cell">${labelView(view, 'listRange')}${sparklineView(view, key)}</td>`
  return html`
    <tr part="row" role="row" class="row">
      <td role="cell" class="name">
        <button class="disclosure" type="button" aria-expanded=${isOpen} aria-controls=${`details-${key.id}`}
          @click=${() => model.toggleDetails(key.id)}>
          ${icons.chevron}<span class="hidden">${say(view, 'details')}: </span><bdi>${name}</bdi>
        </button>
        <span class="under">
          <code>${hintOf(key)}</code>
          ${badgesOf(key, reading).map(({ tone, text, exact }) =>
            html`<span part="badge" class="badge ${tone}" title=${exact ?? nothing}>${text}</span>`)}
        </span>
      </td>
      <td role="cell" class="cell wide">${labelView(view, 'scopes')}${scopesView(view, key)}</td>
      ${columnsOf(view).map(({ label, cell }) => html`
        <td role="cell" class="cell">${labelView(view, label)}${cellView(cell(key, reading))}</td>`)}
      ${hasSparklines(view) ? usageCell : nothing}
      <td role="cell" class="actions">
        ${verbs.map((verb) => actionView(view, verb, { record: key, name }))}
      </td>
    </tr>
    ${isOpen ? detailsRow : nothing}`
}

/** The label of a cell where the table has no room for its head; the head says it to screen readers. */
function labelView (view: View, label: Field['label']): TemplateResult {
  return html`<span class="cell-label" aria-hidden="true">${say(view, label)}</span>`
}

/** Scopes that fit into a cell. */
const SCOPES = 3

function scopesView (view: View, { scopes }: KeyView): TemplateResult {
  const none: Cell = { kind: 'text', text: say(view, 'noScopes') }
  if (scopes.length === 0) return cellView(none)
  const rest = scopes.slice(SCOPES)
  const count = say(view, 'moreScopes', { count: rest.length })
  const more = html`<span class="chip more" title=${rest.join('\n')}>${count}</span>`
  return html`<span class="chips">
    ${scopes.slice(0, SCOPES).map((scope) => html`<code class="chip">${scope}</code>`)}
    ${rest.length === 0 ? nothing : more}
  </span>`
}

function loadingView (view: View): TemplateResult {
  return html`
    <div class="skeleton" role="status" aria-label=${say(view, 'loading')}>
      ${[1, 2, 3].map(() => html`<div></div>`)}
    </div>`
}

function emptyView (view: View): TemplateResult {
  const { state: { filter, caller, trouble }, model } = view
  if (caller === undefined || trouble !== undefined) return html``
  const isFiltered = filter.text !== '' || filter.only !== 'all'
  if (isFiltered) {
    const clear = () => { model.filter({ text: '', only: 'all' }) }
    return html`
      <div class="empty">
        <p role="status">${say(view, 'noMatch')}</p>
        <button part="button" class="button" type="button" @click=${clear}>${say(view, 'clear')}</button>
      </div>`
  }
  if (filter.list === 'ended') return html`<div class="empty"><p role="status">${say(view, 'emptyEnded')}</p></div>`
  return html`
    <div class="empty" role="status">
      ${icons.key}
      <h3>${say(view, 'emptyTitle')}</h3>
      ${offered(view.kind, 'top', caller).map(() => html`<p class="muted">${say(view, 'emptyText')}</p>`)}
    </div>`
}
