/**
 * `fastify-latchkey/events`: what happens to keys, tokens and quotas: subscribe, take durably, audit.
 */

import type { FastifyInstance } from 'fastify'
import { offer } from '../core/access-context.js'
import { checkOptions } from '../core/options.js'
import { auditEntryOf, type AuditEntry } from './audit.js'
import { createEmitter, type Emitter } from './emitter.js'
import { eventsOptions, type EventsOptions } from './options.js'

declare module '../core/access-context.js' {
  interface Latchkey {
    /** Listen here for what happens to keys, tokens and limits. Throws where `events: false`. */
    readonly events: Emitter
  }
}

/** Where events and failures are logged. */
export interface EventsDeps {
  /** Takes what listeners failed with. */
  readonly log: (reason: string, message: string) => void
  /** Takes the audit entries that `audit: true` sends to the log. */
  readonly inform: (message: string, entry: AuditEntry) => void
}

/**
 * The emitter of one host: made before the rooms that emit, and handed to each of them.
 * @throws OptionError
 */
export function createEvents (options: EventsOptions, { log, inform }: EventsDeps): Emitter {
  checkOptions(eventsOptions, options, 'events')
  const { audit = false, deadline = 5 } = options
  const emitter = createEmitter({ deadline, log })
  if (typeof audit === 'function') emitter.on('*', (event) => audit(auditEntryOf(event)))
  if (audit === true) emitter.on('*', (event) => inform('access event', auditEntryOf(event)))
  return emitter
}

/** Offers an emitter as `app.latchkey.events`; an app that closes waits for its durable listeners. */
export function addEvents (app: FastifyInstance, emitter: Emitter): void {
  offer(app, 'events', emitter)
  app.addHook('onClose', async () => { await emitter.idle() })
}

export { auditEntryOf, type AuditEntry } from './audit.js'
export type { Emitter } from './emitter.js'
export {
  eventData, eventTypes, isEventType, isInAll,
  type AccessEvent, type EventActor, type EventData, type EventOrigin, type EventType
} from './event.js'
export { eventId } from './event-id.js'
export { createOncePerWindow, type OncePerWindow } from './once-per-window.js'
export type { EventsOptions } from './options.js'
export { readEvents, writeEvent } from './stored-event.js'
