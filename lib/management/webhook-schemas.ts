import { Type, type Static } from '@sinclair/typebox'
import { at, InWorkspace } from './key-schemas.js'
import type { Delivery, WebhookEndpoint } from '../webhooks/endpoint.js'
import { changeSchema, createSchema, pageSchema, rotateSchema } from '../webhooks/input.js'

const id = (of: string) => Type.String({ minLength: 1, maxLength: 512, description: `Of the ${of}.` })
export const Params = Type.Object({ id: id('endpoint') })
export const DeliveryParams = Type.Object({ id: id('endpoint'), delivery: id('delivery') })

export const PageQuery = Type.Object({ ...InWorkspace.properties, ...pageSchema.properties })
const { environment: _own, ...created } = createSchema.properties
export const CreateBody = Type.Object(created, { additionalProperties: false })
export const ChangeBody = changeSchema
export const RotateBody = rotateSchema
export const NoBody = Type.Object({}, { additionalProperties: false })

const Endpoint = Type.Object({
  id: Type.String(),
  workspace: Type.String(),
  environment: Type.Optional(Type.String()),
  url: Type.String(),
  events: Type.Array(Type.String(), { description: 'Types that it hears of; every type where the list is empty.' }),
  description: Type.Optional(Type.String()),
  enabled: Type.Boolean(),
  disabledAt: Type.Optional(at('Since when it gets nothing.')),
  disabledReason: Type.Optional(Type.String({ description: '`requested`, `gone` (it answered 410) or `failing`.' })),
  failingSince: Type.Optional(at('Since when every attempt has failed.')),
  secrets: Type.Array(Type.Object({ createdAt: at('When it was made.'), retiresAt: Type.Optional(at('Signs no more from this instant on.')) }), { description: 'Oldest first; the last is in force. Their texts are not shown again.' }),
  createdAt: at('When it was made.'),
  version: Type.Integer({ description: 'Grows with every change.' })
})
const Sent = Type.Object({
  id: Type.String(),
  eventId: Type.String({ description: '`webhook-id` of every attempt.' }),
  type: Type.String(),
  state: Type.String({ description: '`pending`, `delivered` or `failed`.' }),
  payload: Type.String({ description: 'The text that is sent.' }),
  createdAt: at('When it was made.'),
  nextAt: Type.Optional(at('When the next attempt is due.')),
  attempts: Type.Array(Type.Object({ at: at('When it began.'), took: Type.Number({ description: 'Milliseconds.' }), status: Type.Optional(Type.Integer()), outcome: Type.String() }), { description: 'Oldest first.' })
})
const secret = Type.String({ description: 'Verifies signatures. It is shown this once.' })

/** What the routes answer. */
export const answers = {
  endpoint: Type.Object(Endpoint.properties, { description: 'The endpoint.' }),
  secret: Type.Object({ endpoint: Endpoint, secret }, { description: 'The endpoint, and its secret.' }),
  list: Type.Object({ endpoints: Type.Array(Endpoint) }, { description: 'All endpoints, newest first.' }),
  removed: Type.Null({ description: 'It is gone, with its deliveries.' }),
  delivery: Type.Object(Sent.properties, { description: 'The delivery, which is on its way.' }),
  deliveries: Type.Object({ deliveries: Type.Array(Sent), next: Type.Optional(Type.String({ description: '`cursor` of the next page.' })) }, { description: 'A page of deliveries, newest first.' })
}

/** Without the texts of secrets. */
export function viewOf ({ secrets, disabledAt, disabledReason, failingSince, createdAt, ...rest }: WebhookEndpoint): Static<typeof Endpoint> {
  return {
    ...rest,
    events: [...rest.events],
    enabled: disabledAt === undefined,
    ...disabledAt && { disabledAt: disabledAt.toISOString() },
    ...disabledReason && { disabledReason },
    ...failingSince && { failingSince: failingSince.toISOString() },
    secrets: secrets.map(({ createdAt, retiresAt }) => ({ createdAt: createdAt.toISOString(), ...retiresAt && { retiresAt: retiresAt.toISOString() } })),
    createdAt: createdAt.toISOString()
  }
}

export function viewOfDelivery ({ id, eventId, type, state, payload, createdAt, nextAt, attempts }: Delivery): Static<typeof Sent> {
  return { id, eventId, type, state, payload, createdAt: createdAt.toISOString(), ...nextAt && { nextAt: nextAt.toISOString() }, attempts: attempts.map((one) => ({ ...one, at: one.at.toISOString() })) }
}
