import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { contextOf, offer } from '../core/access-context.js'
import type { Keyring, KeyListener } from '../keys/index.js'
import type { LimitStore } from '../limits/index.js'
import { checkOptions } from '../core/options.js'
import type { Clock } from '../core/clock.js'
import { auditEntryOf, type AuditEntry } from './audit.js'
import { eventOfChange } from './changes.js'
import { createEmitter, type AccessEvents, type Emitter } from './emitter.js'
import type { EventType } from './event.js'
import { createRequestEvents, type RequestEvents } from './request-events.js'
import { eventsOptions, type EventsOptions } from './options.js'
import { createScanner, systemTimer, type Scanner, type Timer } from './scanner.js'

declare module '../core/access-context.js' {
  interface Latchkey { readonly events: AccessEvents }
}

/** What the events room needs to know of its host. */
export interface EventsHost {
  readonly clock: Clock
  /** Seconds that the key store may take, or a claim. */
  readonly deadline: number
  /** The limit store's, by which one process of several tells of a limit. */
  readonly claim?: LimitStore['claim'] | undefined
  /** The keys that events are of, once there are any. */
  readonly keyring: () => Pick<Keyring, 'keys' | 'side'> | undefined
  readonly log: (reason: string, message: string) => void
  /** Takes lines that are no faults: with `audit: true` those of events. */
  readonly inform: (message: string, entry?: AuditEntry) => void
  /** The system's by default. */
  readonly timer?: Timer | undefined
}

/** All events of one host, and who is to be told of what makes them. */
export interface EventsRoom {
  readonly emitter: Emitter
  readonly observer: RequestEvents
  /** Hears of changes of keys. */
  readonly hearChange: KeyListener
  /** Tells of keys that are due; undefined where nobody is to, or the key store can't. */
  scanner (): Scanner | undefined
}

const DAY = 86_400
const NOTICES: readonly EventType[] = ['key.expiring', 'key.expired', 'key.rotation_due']

/** Makes the events of one host: what `app.events` is. */
export function createEvents (options: EventsOptions, host: EventsHost): EventsRoom {
  checkOptions(eventsOptions, options, 'events')
  const { notices = {}, audit = false, deadline = 5 } = options
  const { clock, log, inform, keyring, timer = systemTimer } = host
  const emitter = createEmitter({ deadline, log })
  const stored = () => notices === false ? undefined : keyring()?.side.store.notices

  if (typeof audit === 'function') emitter.on('*', (event) => audit(auditEntryOf(event)))
  if (audit === true) emitter.on('*', (event) => inform('access event', auditEntryOf(event)))

  return {
    emitter,
    observer: createRequestEvents({
      emitter,
      clock,
      claim: host.claim,
      deadline: host.deadline,
      log,
      async findKey (workspace, id) {
        const found = await keyring()?.keys.get(workspace, id)
        if (found === undefined) throw new TypeError('there are no keys')
        return found
      }
    }),
    hearChange (change) {
      emitter.emit(eventOfChange(change, stored() !== undefined))
    },
    scanner () {
      const store = stored()
      if (notices === false || store === undefined) return undefined
      const { thresholds = [30 * DAY, 7 * DAY, DAY], rotationAge = 90 * DAY, interval = 30 } = notices
      return createScanner({
        notices: store,
        terms: { thresholds, rotationAge: rotationAge === false ? undefined : rotationAge },
        clock,
        timer,
        interval,
        deadline: host.deadline,
        isHeard: () => NOTICES.some(emitter.hasListeners),
        emit: emitter.emit,
        log,
        inform
      })
    }
  }
}

export type EventsPluginOptions = Pick<EventsRoom, 'emitter' | 'scanner'>

/** Hangs the emitter on the context as `app.events`, and tells of keys that are due while the app is up. */
export const events = fp<EventsPluginOptions>(async function latchkeyEvents (app: FastifyInstance, { emitter, scanner: create }: EventsPluginOptions) {
  contextOf(app)
  const scanner = create()
  offer(app, 'events', emitter)
  app.addHook('onReady', async () => scanner?.start())
  // Before anything closes that keeps events, or that the scanner asks.
  app.addHook('preClose', async () => scanner?.close())
  app.addHook('onClose', async () => { await emitter.idle() })
}, { name: 'latchkey-events', fastify: '5.x' })

export { eventData, eventTypes, isEventType, type AccessEvent, type EventActor, type EventData, type EventOrigin, type EventType } from './event.js'
export { auditEntryOf, type AuditEntry } from './audit.js'
export { noticesOf, type Notices, type NoticeTerms } from './notices.js'
export { eventsOptions, type EventsOptions, type NoticeOptions } from './options.js'
export type { AccessEvents } from './emitter.js'
