import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Reading } from '../cells.js'
import type { Badge } from '../fields.js'
import type { StringName } from '../strings.js'
import { icons } from './icons.js'
import { say } from './view.js'

interface Reader { readonly reading: Reading }

/** What a list shows of one record. */
export interface Row {
  readonly id: string
  readonly name: string
  /** Below the name. */
  readonly hint: TemplateResult | typeof nothing
  readonly badges: readonly Badge[]
  readonly cells: readonly RowCell[]
  readonly actions: readonly TemplateResult[]
  /** Present while the details are open. */
  readonly details?: TemplateResult | undefined
  readonly toggle: () => void
}

export interface RowCell {
  readonly label: StringName
  readonly content: TemplateResult | typeof nothing
  /** Has a line of its own where there is no room for columns. */
  readonly isWide?: boolean
}

/** A table whose rows open, and which is a list of cards where it is narrow. */
export function tableView (
  view: Reader, heads: readonly StringName[], rows: readonly Row[], busy: boolean
): TemplateResult {
  return html`
    <table part="table" role="table" aria-labelledby="title" aria-busy=${busy}>
      <thead role="rowgroup">
        <tr role="row">
          ${heads.map((label) => html`<th role="columnheader" scope="col">${say(view, label)}</th>`)}
          <th role="columnheader" scope="col"><span class="hidden">${say(view, 'actions')}</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">${repeat(rows, ({ id }) => id, (row) => rowView(view, row, heads.length + 1))}</tbody>
    </table>`
}

function rowView (view: Reader, row: Row, width: number): TemplateResult {
  const { id, name, hint, badges, cells, actions, details, toggle } = row
  const detailsRow = html`
    <tr role="row" class="details">
      <td role="cell" colspan=${width} id=${`details-${id}`}>${details}</td>
    </tr>`
  return html`
    <tr part="row" role="row" class="row">
      <td role="cell" class="name">
        <button class="disclosure" type="button" aria-expanded=${details !== undefined} aria-controls=${`details-${id}`}
          @click=${toggle}>
          ${icons.chevron}<span class="hidden">${say(view, 'details')}: </span><bdi>${name}</bdi>
        </button>
        <span class="under">${hint}${badges.map(badgeView)}</span>
      </td>
      ${cells.map(({ label, content, isWide = false }) => html`
        <td role="cell" class="cell ${isWide ? 'wide' : ''}">${labelView(view, label)}${content}</td>`)}
      <td role="cell" class="actions">${actions}</td>
    </tr>
    ${details === undefined ? nothing : detailsRow}`
}

/** The label of a cell where the table has no room for its head; the head says it to screen readers. */
function labelView (view: Reader, label: StringName): TemplateResult {
  return html`<span class="cell-label" aria-hidden="true">${say(view, label)}</span>`
}

export function badgeView ({ tone, text, exact }: Badge): TemplateResult {
  return html`<span part="badge" class="badge ${tone}" title=${exact ?? nothing}>${text}</span>`
}

/** Names that fit into a cell. */
const CHIPS = 3

export function chipsView (view: Reader, names: readonly string[]): TemplateResult {
  const rest = names.slice(CHIPS)
  const count = say(view, 'moreScopes', { count: rest.length })
  const more = html`<span class="chip more" title=${rest.join('\n')}>${count}</span>`
  return html`<span class="chips">
    ${names.slice(0, CHIPS).map((name) => html`<code class="chip">${name}</code>`)}
    ${rest.length === 0 ? nothing : more}
  </span>`
}

export function loadingView (view: Reader, label: StringName): TemplateResult {
  return html`
    <div class="skeleton" role="status" aria-label=${say(view, label)}>
      ${[1, 2, 3].map(() => html`<div></div>`)}
    </div>`
}
