import { Type } from '@sinclair/typebox'
import type { AuditEntry } from './audit.js'

export interface NoticeOptions {
  /** Seconds before a key's expiry at which `key.expiring` is told: 30, 7 and 1 days by default. */
  thresholds?: readonly number[] | undefined
  /** Seconds after which a secret should be another one, and `key.rotation_due` is told; 90 days by default, `false` for never. */
  rotationAge?: number | false | undefined
  /** Seconds between two looks for keys that are due; 30 by default. */
  interval?: number | undefined
}

export interface EventsOptions {
  /**
   * Tells of keys that are about to expire, have expired, or are old, while anybody listens. Processes on one store share
   * the work: turn it off where what keeps events is not registered.
   */
  notices?: NoticeOptions | false | undefined
  /** Takes a line for every event: `true` for the app's log, or a function. */
  audit?: ((entry: AuditEntry) => unknown) | boolean | undefined
  /** Seconds that whoever keeps events may take for one; 5 by default. */
  deadline?: number | undefined
}

const seconds = Type.Integer({ minimum: 1, maximum: 31_536_000 })

export const eventsOptions = Type.Object({
  notices: Type.Optional(Type.Union([
    Type.Object({
      thresholds: Type.Optional(Type.Array(seconds, { maxItems: 10 })),
      rotationAge: Type.Optional(Type.Union([Type.Integer({ minimum: 1, maximum: 315_360_000 }), Type.Literal(false)])),
      interval: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400 }))
    }, { additionalProperties: false }),
    Type.Literal(false)
  ], { description: '{ thresholds?, rotationAge?, interval? } with up to 10 thresholds in whole seconds of at most a year, an age in whole seconds of at most ten years or false, and an interval of at most a day, or false' })),
  audit: Type.Optional(Type.Union([Type.Boolean(), Type.Function([], Type.Unknown())], { description: 'true, false or a function of the entry' })),
  deadline: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 30, description: 'seconds above 0 and at most 30' }))
}, { additionalProperties: false, description: '{ notices?, audit?, deadline? }, or false' })
