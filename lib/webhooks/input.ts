import { Type, type TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { AccessError } from '../core/errors.js'
import { eventTypes } from '../events/index.js'
import { show } from '../core/options.js'

const strict = { additionalProperties: false }
const url = Type.String({ minLength: 1, maxLength: 2048, description: 'Where deliveries go: an https: URL with a public host.' })
const events = Type.Array(Type.Union(eventTypes.map((type) => Type.Literal(type))), { maxItems: 100, description: 'Types to hear of; every type where the list is empty.' })
const description = Type.String({ minLength: 1, maxLength: 256, description: 'For people.' })

export const createSchema = Type.Object({
  url,
  events: Type.Optional(events),
  description: Type.Optional(description),
  environment: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Events of this environment alone.' }))
}, strict)

export const changeSchema = Type.Object({
  url: Type.Optional(url),
  events: Type.Optional(events),
  description: Type.Optional(Type.Union([description, Type.Null()], { description: 'For people. Null removes it.' })),
  enabled: Type.Optional(Type.Boolean({ description: 'Whether it gets anything.' })),
  version: Type.Optional(Type.Integer({ minimum: 1, description: 'Only if this is still the version of the endpoint.' }))
}, strict)

export const rotateSchema = Type.Object({
  grace: Type.Optional(Type.Number({ minimum: 0, maximum: 2_592_000, description: 'Seconds for which the secret before signs too; a day by default.' }))
}, strict)

export const pageSchema = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Most deliveries of a page; 50 by default.' })),
  cursor: Type.Optional(Type.String({ maxLength: 1024, description: '`next` of the page before.' })),
  state: Type.Optional(Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')], { description: 'Deliveries in this state alone.' }))
}, strict)

/** Own properties only. @throws AccessError `WEBHOOK_INPUT_INVALID` */
export function readInput<T> (schema: TSchema, input: T): T {
  const stated: T = Object.assign(Object.create(null), input)
  const error = Value.Errors(schema, stated).First()
  if (error !== undefined) throw refuse(error)
  return stated
}

/** What is wrong with a value. */
export function refuse ({ type, path, message }: ValueError): AccessError {
  const field = path.slice(1).replaceAll('/', '.')
  return invalid(type === ValueErrorType.ObjectAdditionalProperties ? `${show(field)} is not a field here` : `${field}: ${message}`)
}

export function invalid (detail: string): AccessError {
  return new AccessError('WEBHOOK_INPUT_INVALID', { detail, reason: detail })
}
