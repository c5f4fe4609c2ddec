import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { RecordError } from '../core/store-error.js'
import { parseRecord, writtenActor } from '../core/stored-record.js'
import { eventData, isEventType, type AccessEvent } from './event.js'

const written = Type.Object({
  id: Type.String(),
  type: Type.String(),
  at: Type.String(),
  workspace: Type.String(),
  data: Type.Unknown(),
  by: Type.Optional(writtenActor),
  from: Type.Optional(Type.Object({ ip: Type.String(), requestId: Type.String() }))
})

/** An event as a store has it until it was emitted: JSON. */
export function writeEvent (event: AccessEvent): string {
  return JSON.stringify(event)
}

/**
 * Events that `writeEvent` wrote, oldest first. Checks every field, as a store may answer what was edited by hand.
 * @param record that has them, for messages
 * @throws RecordError
 */
export function readEvents (texts: readonly string[], record: string): AccessEvent[] {
  return texts.map((text) => readEvent(text, record)).sort((one, other) => one.at.getTime() - other.at.getTime())
}

function readEvent (text: string, record: string): AccessEvent {
  const value = parseRecord(written, text, record)
  const event = { ...value, at: new Date(value.at) }
  if (isEvent(event)) return event
  throw new RecordError(record, 'an event of it is not what one of its type is')
}

function isEvent (event: Omit<AccessEvent, 'type' | 'data'> & { type: string, data: unknown }): event is AccessEvent {
  return !Number.isNaN(event.at.getTime()) && isEventType(event.type) && Value.Check(eventData[event.type], event.data)
}
