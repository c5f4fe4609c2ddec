import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { DeliveryView, EndpointView } from '../../../../management/index.js'
import { timeWords } from '../../time-words.js'
import { offered } from '../../verb.js'
import { attemptWords, deliveryBadge, deliveryWords, payloadText } from '../../webhooks/fields.js'
import { deliveryStates, isDeliveryFilter } from '../../webhooks/state.js'
import { actionView } from '../action.js'
import { icons } from '../icons.js'
import { troubleView } from '../notices.js'
import { badgeView } from '../table.js'
import { say, valueOf } from '../view.js'
import type { WebhookView } from './view.js'

/** What was sent to an endpoint, newest first, and how each attempt ended. */
export function deliveriesView (view: WebhookView, endpoint: EndpointView): TemplateResult {
  const { model, state: { deliveries: { list, next, only, busy, trouble } } } = view
  const choose = (event: Event) => {
    const name = valueOf(event)
    if (isDeliveryFilter(name)) model.showDeliveries(name)
  }
  const more = html`
    <button part="button" class="button small" type="button" ?disabled=${busy}
      @click=${() => { model.moreDeliveries() }}>
      ${say(view, 'more')}
    </button>`
  const none = html`
    <p class="muted" role="status">${say(view, only === 'all' ? 'deliveriesNone' : 'deliveriesNoneSuch')}</p>`
  return html`
    <section class="deliveries" aria-labelledby="deliveries">
      <div class="deliveries-head">
        <h3 id="deliveries" class="grow">${say(view, 'deliveries')}</h3>
        <select part="input" aria-label=${say(view, 'show')} @change=${choose}>
          ${Object.entries(deliveryStates).map(([name, label]) =>
            html`<option value=${name} ?selected=${name === only}>${say(view, label)}</option>`)}
        </select>
        <button part="button" class="button small" type="button" @click=${() => { model.refresh() }}>
          ${say(view, 'deliveriesRefresh')}
        </button>
      </div>
      ${troubleView(view, trouble, () => { model.refresh() })}
      <ul aria-busy=${busy}>
        ${repeat(list, ({ id }) => id, (delivery) => deliveryView(view, endpoint, delivery))}
      </ul>
      ${list.length > 0 || busy || trouble !== undefined ? nothing : none}
      ${next === undefined ? nothing : more}
    </section>`
}

function deliveryView (view: WebhookView, endpoint: EndpointView, delivery: DeliveryView): TemplateResult {
  const { reading, state: { caller } } = view
  const { id, type, state, eventId, createdAt, attempts } = delivery
  const { words, exact } = timeWords(createdAt, reading.now, reading.locale)
  const verbs = caller === undefined || state === 'pending' ? [] : offered(view.kind, 'part', caller, endpoint)
  const name = say(view, 'deliveryOf', { type, when: words })
  return html`
    <li class="delivery">
      <details>
        <summary>
          ${icons.chevron}
          ${badgeView(deliveryBadge(delivery, reading))}
          <code>${type}</code>
          <time datetime=${createdAt} title=${exact}>${words}</time>
          <span class="muted">${deliveryWords(delivery, reading)}</span>
        </summary>
        <dl>
          <div class="fact">
            <dt>${say(view, 'deliveryAttempts')}</dt>
            <dd><ol>${attempts.map((one) => attemptView(view, one))}</ol></dd>
          </div>
          <div class="fact"><dt>${say(view, 'deliveryId')}</dt><dd><code class="id">${eventId}</code></dd></div>
          <div class="fact payload">
            <dt>${say(view, 'deliveryPayload')}</dt><dd><pre>${payloadText(delivery)}</pre></dd>
          </div>
        </dl>
      </details>
      ${verbs.map((verb) => actionView(view, verb, { record: endpoint, name, part: id }))}
    </li>`
}

function attemptView (view: WebhookView, attempt: DeliveryView['attempts'][number]): TemplateResult {
  const { reading, reading: { now, locale } } = view
  const { words, exact } = timeWords(attempt.at, now, locale)
  const took = tookWords(attempt.took, locale)
  return html`
    <li>
      ${say(view, 'deliveryAttempt', { outcome: attemptWords(attempt, reading), took })}
      <time class="muted" datetime=${attempt.at} title=${exact}>${words}</time>
    </li>`
}

function tookWords (milliseconds: number, locale: string): string {
  const [amount, unit] = milliseconds < 1000 ? [milliseconds, 'millisecond'] : [milliseconds / 1000, 'second']
  return new Intl.NumberFormat(locale, { style: 'unit', unit, maximumFractionDigits: 1 }).format(amount)
}
