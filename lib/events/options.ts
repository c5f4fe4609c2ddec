import { Type } from '@sinclair/typebox'
import type { AuditEntry } from './audit.js'

/** Options of events: `events` of `latchkey`. */
export interface EventsOptions {
  /** Gets an entry for every event but `usage.counted`: `true` for the app's log, or a function. */
  audit?: ((entry: AuditEntry) => unknown) | boolean | undefined
  /** Seconds that a durable listener may take for one event; 5 by default. */
  deadline?: number | undefined
}

export const eventsOptions = Type.Object({
  audit: Type.Optional(Type.Union([Type.Boolean(), Type.Function([], Type.Unknown())], {
    description: 'true, false or a function of the entry'
  })),
  deadline: Type.Optional(Type.Number({
    exclusiveMinimum: 0, maximum: 30, description: 'seconds above 0 and at most 30'
  }))
}, { additionalProperties: false, description: '{ audit?, deadline? }, or false' })
