/**
 * `fastify-latchkey/usage`: how many requests each key sends: counted by UTC hour and outcome, kept and reported.
 */

import type { FastifyInstance } from 'fastify'
import { contextOf, offer } from '../core/access-context.js'
import type { UsageRecord } from './create-usage.js'
import type { Usage } from './usage.js'

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Reports how many requests keys have sent. Throws where the option `usage` is left out. */
    readonly usage: Usage
  }
}

/** Counts the requests of a guarded context, and offers their reports as `app.latchkey.usage`. */
export function addUsage (app: FastifyInstance, { usage, count, ready, close }: UsageRecord): void {
  contextOf(app).outcomes.push(count)
  offer(app, 'usage', usage)
  app.addHook('onReady', ready)
  app.addHook('onClose', close)
}

export { createUsage, type UsageDeps, type UsageRecord } from './create-usage.js'
export { createMemoryUsageStore, type MemoryUsageStoreOptions } from './memory.js'
export type { UsageOptions } from './options.js'
export type { UsageRange } from './range.js'
export type { UsageBucket, UsageReport, WorkspaceUsageReport } from './report.js'
export type { UsageBatch, UsageCount, UsageOutcome, UsageQuery, UsageStore, UsageSum } from './store.js'
export type { Usage, WorkspaceUsageInput } from './usage.js'
