import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { groundOf } from '../ground.js'
import { checkOptions } from '../options.js'
import { createEmitter, type AccessEvents, type Emitter } from './emitter.js'

export interface EventsOptions {
  /** Seconds that whoever keeps events may take for one; 5 by default. */
  deadline?: number | undefined
}

declare module 'fastify' {
  interface FastifyInstance { readonly events: AccessEvents }
}

export const eventsOptions = Type.Object({
  deadline: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 30, description: 'seconds above 0 and at most 30' }))
}, { additionalProperties: false, description: '{ deadline? }, or false' })

/** What the events room needs to know of its host. */
export interface EventsHost {
  readonly log: (reason: string, message: string) => void
}

/** Makes the events of one host: what `app.events` is. */
export function createEvents (options: EventsOptions, { log }: EventsHost): Emitter {
  checkOptions(eventsOptions, options, 'events')
  const { deadline = 5 } = options
  return createEmitter({ deadline, log })
}

export interface EventsPluginOptions {
  readonly events: Emitter
}

/** Hangs the emitter on the context as `app.events`. */
export const events = fp<EventsPluginOptions>(async function latchkeyEvents (app: FastifyInstance, { events }: EventsPluginOptions) {
  groundOf(app)
  app.decorate('events', events)
  app.addHook('onClose', async () => { await events.idle() })
}, { name: 'latchkey-events', fastify: '5.x' })

export { eventData, eventTypes, isEventType, type AccessEvent, type EventActor, type EventData, type EventOrigin, type EventType } from './event.js'
export type { AccessEvents } from './emitter.js'
