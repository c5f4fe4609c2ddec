import { Type } from '@sinclair/typebox'
import { AccessError } from '../core/errors.js'
import { patterns } from '../core/input.js'
import { eventTypes } from '../events/index.js'

const strict = { additionalProperties: false }
const line = Type.String({ minLength: 1, maxLength: 256, pattern: patterns.line })
const url = Type.String({ minLength: 1, maxLength: 2048 })
const events = Type.Array(Type.Union(eventTypes.map((type) => Type.Literal(type))), { maxItems: 100 })

export const createSchema = Type.Object({
  url,
  events: Type.Optional(events),
  description: Type.Optional(line),
  environment: Type.Optional(line)
}, strict)

const version = Type.Optional(Type.Integer({ minimum: 1 }))

export const updateSchema = Type.Object({
  url: Type.Optional(url),
  events: Type.Optional(events),
  description: Type.Optional(Type.Union([line, Type.Null()])),
  enabled: Type.Optional(Type.Boolean()),
  version
}, strict)

/** 30 days, in seconds. */
const MAX_GRACE = 2_592_000

export const rotateSchema = Type.Object({
  grace: Type.Optional(Type.Number({ minimum: 0, maximum: MAX_GRACE })),
  version
}, strict)

export const pageSchema = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  cursor: Type.Optional(Type.String({ maxLength: 1024 })),
  state: Type.Optional(Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')]))
}, strict)

export function invalid (detail: string): AccessError {
  return new AccessError('WEBHOOK_INPUT_INVALID', { detail, reason: detail })
}
