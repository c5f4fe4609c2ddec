import { Type } from '@sinclair/typebox'
import { withMethods } from '../core/options.js'
import type { UsageStore } from './store.js'

/** Options of usage: `usage` of `latchkey`. */
export interface UsageOptions {
  /** Where counts are kept; this process's memory by default. */
  store?: UsageStore | undefined
  /** Seconds between two writes of a process; 60 by default. A crash loses what was counted since the last one. */
  interval?: number | undefined
  /** Seconds for which counts are kept; 90 days by default. */
  retention?: number | undefined
}

export const usageOptions = Type.Object({
  store: Type.Optional(withMethods(['add', 'read', 'prune'], 'a usage store, such as createPostgresUsageStore()')),
  interval: Type.Optional(Type.Number({ minimum: 1, maximum: 3600, description: 'seconds from 1 to 3600' })),
  retention: Type.Optional(Type.Number({
    minimum: 3600, maximum: 315_360_000, description: 'seconds from 3600 (an hour) to 315,360,000 (ten years)'
  }))
}, { additionalProperties: false, description: '{ store?, interval?, retention? }; leave it out to count nothing' })
