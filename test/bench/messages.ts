import { Type, type Static } from '@sinclair/typebox'

/** What a server tells about itself when it listens. */
export const Listening = Type.Object({
  port: Type.Integer(),
  paths: Type.Array(Type.String(), { minItems: 1 }),
  keys: Type.Array(Type.String(), { minItems: 1 }),
  weak: Type.Optional(Type.String())
})
export type Listening = Static<typeof Listening>

/** Microseconds of user and system time since the process started. */
export const Micros = Type.Number()

export const Bytes = Type.Number()

export const Done = Type.Null()

/** The part of a V8 profile that is read here. */
export const CpuProfile = Type.Object({
  nodes: Type.Array(Type.Object({
    id: Type.Integer(),
    callFrame: Type.Object({ functionName: Type.String(), url: Type.String(), lineNumber: Type.Integer() })
  })),
  samples: Type.Array(Type.Integer()),
  timeDeltas: Type.Array(Type.Number())
})
export type CpuProfile = Static<typeof CpuProfile>

/** Path at which a receiver of webhooks never answers. */
export const DEAD = '/dead'

/** What a process that delivers webhooks works with. */
export const DelivererTerms = Type.Object({
  /** Of the receiver. */
  port: Type.Integer(),
  cert: Type.String(),
  redis: Type.Integer(),
  /** Where deliveries live; in Redis without it. */
  postgres: Type.Optional(Type.String())
})
export type DelivererTerms = Static<typeof DelivererTerms>

export const DeliveriesAsked = Type.Object({
  engine: Type.Union([Type.Literal('embedded'), Type.Literal('bullmq')]),
  endpoints: Type.Integer({ minimum: 1 }),
  deliveries: Type.Integer({ minimum: 1 }),
  /** Deliveries that wait at an endpoint which never answers. */
  dead: Type.Optional(Type.Integer({ minimum: 0 }))
})
export type DeliveriesAsked = Static<typeof DeliveriesAsked>
