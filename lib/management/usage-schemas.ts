import { Type } from '@sinclair/typebox'
import { at, instant, InWorkspace } from './schemas.js'

const by = Type.Union([Type.Literal('hour'), Type.Literal('day')], {
  default: 'hour', description: 'Length of the buckets, in UTC: at most 32 days by hour, and 366 by day.'
})
const range = {
  ...InWorkspace.properties,
  from: Type.Optional(instant('Where to begin, rounded down; 24 hours, or 30 days by day, before `to` by default.')),
  to: Type.Optional(instant('Where to end, exclusive and rounded up; the end of the present hour or day by default.')),
  by: Type.Optional(by)
}
const keys = Type.String({
  minLength: 1,
  maxLength: 60_000,
  description: 'Ids of at most 100 keys, separated by commas, to report each too; keys times buckets are at most 5000.'
})

export const KeyUsageQuery = Type.Object(range)
export const UsageQuery = Type.Object({ ...range, keys: Type.Optional(keys) })

const count = (description: string) => Type.Integer({ minimum: 0, description })
const Bucket = Type.Object({
  at: at('When it began.'),
  admitted: count('Requests that were let in.'),
  limited: count('Requests that were refused with RATE_LIMITED.'),
  refused: Type.Object({}, {
    additionalProperties: count('Requests.'), description: 'Other refusals of a known key, by their code.'
  })
})
const buckets = Type.Array(Bucket, { description: 'In ascending order; those without a request are left out.' })
const Report = Type.Object({
  by: Type.Union([Type.Literal('hour'), Type.Literal('day')]),
  from: at('Where it begins.'),
  to: at('Where it ends, exclusive.'),
  buckets
})
const Limit = Type.Object({
  name: Type.String(),
  quota: Type.Integer({ description: 'Units.' }),
  window: Type.Integer({ description: 'Seconds.' })
})
const limits = Type.Array(Limit, {
  description: 'What counts its requests where their operation names no other limit; empty for unlimited.'
})
const ofKeys = Type.Object({}, { additionalProperties: buckets, description: 'Of each key that was asked for.' })

/** Successful responses. */
export const usageAnswers = {
  key: Type.Object({ ...Report.properties, limits }, { description: 'Requests of the key.' }),
  workspace: Type.Object({ ...Report.properties, keys: Type.Optional(ofKeys) }, { description: 'Of all keys.' })
}
