import { Type, type Static } from '@sinclair/typebox'
import { eventTypes } from '../events/index.js'
import { at, caller, cursor, id, InWorkspace, limit, line, next, orNull, strict, updatedBy } from './schemas.js'

export const Params = Type.Object({ id: id('endpoint') })
export const DeliveryParams = Type.Object({ id: id('endpoint'), delivery: id('delivery') })

const state = Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')])
export const DeliveriesQuery = Type.Object({
  ...InWorkspace.properties,
  limit: limit('deliveries'),
  cursor,
  state: Type.Optional(Type.Union(state.anyOf, { description: 'Deliveries in this state alone.' }))
})

const target = 'Where deliveries go: an https: URL with a public host.'
const url = Type.String({ minLength: 1, maxLength: 2048, description: target })
const type = Type.Union(eventTypes.map((type) => Type.Literal(type)))
const toReceive = 'Types to receive; all but `usage.counted` where the list is empty.'
const events = Type.Array(type, { maxItems: 100, description: toReceive })
const description = line('For people.')

export const CreateBody = Type.Object({
  url,
  events: Type.Optional(events),
  description: Type.Optional(description)
}, strict)

const version =
  Type.Optional(Type.Integer({ minimum: 1, description: 'Changes it only if this is still its version.' }))

export const UpdateBody = Type.Object({
  url: Type.Optional(url),
  events: Type.Optional(events),
  description: orNull(description),
  enabled: Type.Optional(Type.Boolean({ description: 'Whether it receives anything.' })),
  version
}, strict)

const grace = 'Seconds for which the secret before signs too; a day by default, at most 30 days.'
export const RotateBody = Type.Object({
  grace: Type.Optional(Type.Number({ minimum: 0, maximum: 2_592_000, description: grace })),
  version
}, strict)

export const NoBody = Type.Object({}, strict)

const reason = '`requested`, `gone` (it answered 410) or `failing`.'
const secrets = 'Oldest first; the last one is the newest. The secrets themselves are not shown again.'
const Secret = Type.Object({
  createdAt: at('When it was made.'),
  retiresAt: Type.Optional(at('Signs nothing from this instant on.'))
})

const Endpoint = Type.Object({
  id: Type.String(),
  workspace: Type.String(),
  environment: Type.Optional(Type.String()),
  url: Type.String(),
  events: Type.Array(Type.String(), {
    description: 'Types that it receives; all but `usage.counted` where the list is empty.'
  }),
  description: Type.Optional(Type.String()),
  enabled: Type.Boolean(),
  disabledAt: Type.Optional(at('Since when it receives nothing.')),
  disabledReason: Type.Optional(Type.String({ description: reason })),
  failingSince: Type.Optional(at('Since when every attempt has failed.')),
  secrets: Type.Array(Secret, { description: secrets }),
  createdAt: at('When it was created.'),
  updatedAt: Type.Optional(at('When it was last changed; absent before the first change.')),
  updatedBy: Type.Optional(updatedBy),
  version: Type.Integer({ description: 'Grows with every change.' })
})

const Attempt = Type.Object({
  at: at('When it began.'),
  took: Type.Number({ description: 'Milliseconds.' }),
  status: Type.Optional(Type.Integer({ description: 'Status of the response, where there was one.' })),
  outcome: Type.String({ description: '`delivered`, or what went wrong.' })
})

const Delivery = Type.Object({
  id: Type.String(),
  eventId: Type.String({ description: '`webhook-id` of every attempt.' }),
  type: Type.String(),
  state: Type.String({ description: '`pending`, `delivered` or `failed`.' }),
  payload: Type.String({ description: 'The exact body that is sent.' }),
  createdAt: at('When it was created.'),
  nextAt: Type.Optional(at('When the next attempt is due.')),
  attempts: Type.Array(Attempt, { description: 'Oldest first.' })
})

const secret = Type.String({ description: 'Verifies signatures. It is shown this once.' })

const EventView = Type.Object({ type: Type.String(), description: Type.String({ description: 'When it is emitted.' }) })
const Caller = Type.Object({
  ...caller('webhooks'),
  events: Type.Array(EventView, { description: 'All types of events that an endpoint may receive.' })
}, { description: 'You, and where you may act.' })

/** Successful responses. */
export const answers = {
  endpoint: Type.Object(Endpoint.properties, { description: 'The endpoint.' }),
  secret: Type.Object({ endpoint: Endpoint, secret }, { description: 'The endpoint and its new secret.' }),
  list: Type.Object({ endpoints: Type.Array(Endpoint) }, { description: 'All endpoints, newest first.' }),
  caller: Caller,
  removed: Type.Null({ description: 'The endpoint is removed, with its deliveries.' }),
  delivery: Type.Object(Delivery.properties, { description: 'The delivery, which is pending.' }),
  deliveries: Type.Object({ deliveries: Type.Array(Delivery), next }, { description: 'Deliveries, newest first.' })
}

/** An endpoint, a delivery, and a caller, as responses show them. */
export type EndpointView = Static<typeof Endpoint>
export type DeliveryView = Static<typeof Delivery>
export type WebhookCallerView = Static<typeof Caller>
