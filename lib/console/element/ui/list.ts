import { html, nothing, type TemplateResult } from 'lit'
import type { KeyView } from '../../../management/index.js'
import type { Field } from '../cells.js'
import { badgesOf, columns, endedColumns, hintOf, nameOf } from '../fields.js'
import type { CountedKey } from '../key-facts.js'
import { filterKeys } from '../key-filter.js'
import type { StringName } from '../strings.js'
import { isCounted } from '../usage/model.js'
import { latestUse } from '../usage/usage.js'
import { offered } from '../verb.js'
import { actionView } from './action.js'
import { detailsView } from './details.js'
import { cellView } from './facts.js'
import { icons } from './icons.js'
import { chipsView, loadingView, tableView, type Row } from './table.js'
import { sparklineView } from './usage/sparkline.js'
import { say, type View } from './view.js'

/** The keys that fit the filter, or why there are none. */
export function listView (view: View): TemplateResult {
  const { state, reading, model } = view
  const { keys, filter, shown, next, busy } = state
  const fitting = filterKeys(keys, filter, reading.now)
  const rows = fitting.slice(0, shown)
  if (rows.length === 0) return busy ? loadingView(view, 'loading') : emptyView(view)
  const hasMore = fitting.length > rows.length || next !== undefined
  const count = fitting.length === 1 && !hasMore
    ? say(view, 'countOne')
    : say(view, next === undefined ? 'count' : 'countMore', { count: fitting.length })
  const more = html`
    <button part="button" class="button" type="button" ?disabled=${busy} @click=${() => { model.more() }}>
      ${say(view, 'more')}
    </button>`
  return html`
    ${tableView(view, headsOf(view), rows.map((key) => rowOf(view, key)), busy)}
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

function columnsOf ({ state: { filter } }: View): ReadonlyArray<Field<CountedKey>> {
  return filter.list === 'live' ? columns : endedColumns
}

function rowOf (view: View, record: KeyView): Row {
  const key: CountedKey = { ...record, countedAt: latestUse(view.usage.state.keys.get(record.id) ?? []) }
  const { state: { open, caller }, reading, model } = view
  const name = nameOf(key, reading.strings)
  const verbs = caller === undefined ? [] : offered(view.kind, 'row', caller, key)
  const scopes = key.scopes.length === 0 ? html`<bdi>${say(view, 'noScopes')}</bdi>` : chipsView(view, key.scopes)
  return {
    id: key.id,
    name,
    hint: hintView(view, key),
    badges: badgesOf(key, reading),
    cells: [
      { label: 'scopes', content: scopes, isWide: true },
      ...columnsOf(view).map(({ label, cell }) => ({ label, content: cellView(cell(key, reading)) })),
      ...hasSparklines(view) ? [{ label: 'listRange', content: sparklineView(view, key) } as const] : []
    ],
    actions: verbs.map((verb) => actionView(view, verb, { record, name })),
    details: open === key.id ? detailsView(view, key) : undefined,
    toggle: () => model.toggleDetails(key.id)
  }
}

function hintView (view: View, key: KeyView): TemplateResult {
  const hint = hintOf(key)
  const text = hint === undefined ? say(view, 'noHint') : html`<code>${hint}</code>`
  const help = hint === undefined ? nothing : say(view, 'hintHelp')
  return html`<span class="muted" title=${help}>${say(view, 'secret')} ${text}</span>`
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
