import type { DeliveryView, EndpointView, WebhookCallerView } from '../../../management/index.js'
import { lastChange } from '../changed-by.js'
import { textCell, timeCell, type Cell, type Field, type Reading } from '../cells.js'
import type { Badge } from '../fields.js'
import { fill, type StringName } from '../strings.js'
import { timeWords } from '../time-words.js'
import { retiringUntil } from './facts.js'

/** Columns of the list after the URL; events have a view of their own. */
export const endpointColumns: ReadonlyArray<Field<EndpointView>> = [
  { name: 'created', label: 'created', cell: ({ createdAt }, reading) => timeCell(createdAt, reading) }
]

const reasons: Readonly<Record<string, StringName>> = {
  requested: 'webhookRequested',
  gone: 'webhookAnsweredGone',
  failing: 'webhookFailedTooLong'
}

/** What the details of an endpoint show, in this order. A field with nothing to show is left out. */
export function endpointDetails (events: WebhookCallerView['events']): ReadonlyArray<Field<EndpointView>> {
  return [
    { name: 'id', label: 'id', cell: ({ id }) => ({ kind: 'code', text: id }) },
    { name: 'environment', label: 'environment', cell: ({ environment }) => textCell(environment) },
    { name: 'description', label: 'webhookDescription', cell: ({ description }) => textCell(description) },
    ...lastChange,
    {
      name: 'disabled',
      label: 'webhookDisabledAt',
      cell: ({ disabledAt }, reading) => timeCell(disabledAt, reading)
    },
    { name: 'reason', label: 'webhookDisabledBecause', cell: reasonCell },
    {
      name: 'failing',
      label: 'webhookFailingSince',
      cell: ({ failingSince }, reading) => timeCell(failingSince, reading)
    },
    { name: 'secrets', label: 'secrets', cell: secretsCell },
    { name: 'events', label: 'webhookWhich', cell: (endpoint, reading) => eventsCell(endpoint, reading, events) }
  ]
}

function reasonCell ({ disabledReason = '' }: EndpointView, { strings }: Reading): Cell {
  const reason = reasons[disabledReason]
  return textCell(reason && strings[reason])
}

/** Newest first. */
function secretsCell ({ secrets }: EndpointView, { now, locale, strings }: Reading): Cell {
  const rows = secrets.map(({ retiresAt }, i) => {
    const code = fill(strings.secretRow, { generation: i + 1 })
    if (retiresAt === undefined) return { code, note: strings.secretNewest }
    const { words, exact } = timeWords(retiresAt, now, locale)
    const note = Date.parse(retiresAt) > now ? strings.secretRetires : strings.secretRetired
    return { code, note: fill(note, { when: words }), exact }
  })
  return { kind: 'rows', rows: rows.toReversed() }
}

function eventsCell ({ events }: EndpointView, { strings }: Reading, known: WebhookCallerView['events']): Cell {
  if (events.length === 0) return textCell(strings.webhookEveryEvent)
  const noteOf = (type: string) => known.find((one) => one.type === type)?.description ?? ''
  return { kind: 'rows', rows: events.map((type) => ({ code: type, note: noteOf(type) })) }
}

/** What a person should notice of an endpoint at first sight. */
export function endpointBadges (endpoint: EndpointView, { now, locale, strings }: Reading): readonly Badge[] {
  const { enabled, failingSince } = endpoint
  if (!enabled) return [{ tone: 'danger', text: strings.webhookDisabled }]
  const until = retiringUntil(endpoint, now)
  return [
    ...failingSince === undefined ? [] : [{ tone: 'warning', text: strings.webhookFailing } as const],
    ...until === undefined ? [] : [retiringBadge(until)]
  ]

  function retiringBadge (until: string): Badge {
    const { words, exact } = timeWords(until, now, locale)
    return { tone: 'neutral', text: fill(strings.retiring, { when: words }), exact }
  }
}

export function deliveryBadge ({ state, attempts }: DeliveryView, { strings }: Reading): Badge {
  if (state === 'delivered') return { tone: 'success', text: strings.deliveryDelivered }
  if (state === 'failed') return { tone: 'danger', text: strings.deliveryFailed }
  if (attempts.length === 0) return { tone: 'neutral', text: strings.deliveryPending }
  return { tone: 'warning', text: strings.deliveryRetrying }
}

const outcomes: Readonly<Record<string, StringName>> = {
  delivered: 'attemptDelivered',
  refused: 'attemptRefused',
  redirected: 'attemptRedirected',
  gone: 'attemptGone',
  timeout: 'attemptTimeout',
  unreachable: 'attemptUnreachable',
  insecure: 'attemptInsecure',
  'forbidden-address': 'attemptForbidden',
  disabled: 'attemptDisabled',
  undecryptable: 'attemptUndecryptable'
}

/** How an attempt ended. */
export function attemptWords ({ outcome, status = 0 }: DeliveryView['attempts'][number], { strings }: Reading): string {
  const name = outcomes[outcome]
  return name === undefined ? outcome : fill(strings[name], { status })
}

/** How a delivery is doing: how its last attempt ended, and when the next one is due. */
export function deliveryWords ({ attempts, state, nextAt }: DeliveryView, reading: Reading): string {
  const { now, locale, strings } = reading
  const last = attempts.at(-1)
  if (last === undefined) return strings.deliveryWaiting
  const words = attemptWords(last, reading)
  if (state !== 'pending' || nextAt === undefined) return words
  return `${words}; ${fill(strings.deliveryNext, { when: timeWords(nextAt, now, locale).words })}`
}

/** The body for people; what is sent has no spaces. */
export function payloadText ({ payload }: DeliveryView): string {
  return JSON.stringify(JSON.parse(payload), null, 2)
}
