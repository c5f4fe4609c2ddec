import { html, nothing, type TemplateResult } from 'lit'
import type { EndpointView } from '../../../../management/index.js'
import { offered } from '../../verb.js'
import { endpointBadges, endpointColumns, endpointDetails } from '../../webhooks/fields.js'
import { actionView } from '../action.js'
import { cellView, factsView } from '../facts.js'
import { icons } from '../icons.js'
import { chipsView, loadingView, tableView, type Row } from '../table.js'
import { say } from '../view.js'
import { deliveriesView } from './deliveries.js'
import type { WebhookView } from './view.js'

/** The endpoints of a workspace, or why there are none. */
export function endpointsView (view: WebhookView): TemplateResult {
  const { endpoints, busy } = view.state
  if (endpoints.length === 0) return busy ? loadingView(view, 'webhooksLoading') : emptyView(view)
  const heads = ['webhookUrl', 'webhookWhich', ...endpointColumns.map(({ label }) => label)] as const
  const count = endpoints.length
  return html`
    ${tableView(view, heads, endpoints.map((endpoint) => rowOf(view, endpoint)), busy)}
    <footer class="footer">
      <p class="muted" role="status">${say(view, count === 1 ? 'webhooksCountOne' : 'webhooksCount', { count })}</p>
    </footer>`
}

function rowOf (view: WebhookView, endpoint: EndpointView): Row {
  const { state: { open, caller }, reading, model } = view
  const { id, url: name, events, description } = endpoint
  const verbs = caller === undefined ? [] : offered(view.kind, 'row', caller, endpoint)
  const types = events.length === 0 ? html`${say(view, 'webhookEveryEvent')}` : chipsView(view, events)
  return {
    id,
    name,
    hint: description === undefined ? nothing : html`<bdi class="muted">${description}</bdi>`,
    badges: endpointBadges(endpoint, reading),
    cells: [
      { label: 'webhookWhich', content: types, isWide: true },
      ...endpointColumns.map(({ label, cell }) => ({ label, content: cellView(cell(endpoint, reading)) }))
    ],
    actions: verbs.map((verb) => actionView(view, verb, { record: endpoint, name })),
    details: open === id ? detailsView(view, endpoint) : undefined,
    toggle: () => { model.toggleDetails(id) }
  }
}

/** All of an endpoint: its fields, what is done more rarely, and what was sent to it. */
function detailsView (view: WebhookView, endpoint: EndpointView): TemplateResult {
  const { caller } = view.state
  const { url: name } = endpoint
  const verbs = caller === undefined ? [] : offered(view.kind, 'details', caller, endpoint)
  return html`
    <section part="details" class="details-body" aria-label=${say(view, 'detailsOf', { name })}>
      ${factsView(view, endpointDetails(caller?.events ?? []), endpoint)}
      <div class="actions">
        ${verbs.map((verb) => actionView(view, verb, { record: endpoint, name }))}
      </div>
      ${deliveriesView(view, endpoint)}
    </section>`
}

function emptyView (view: WebhookView): TemplateResult {
  const { caller, trouble } = view.state
  if (caller === undefined || trouble !== undefined) return html``
  return html`
    <div class="empty" role="status">
      ${icons.webhook}
      <h3>${say(view, 'webhooksEmptyTitle')}</h3>
      ${offered(view.kind, 'top', caller).map(() => html`<p class="muted">${say(view, 'webhooksEmptyText')}</p>`)}
    </div>`
}
