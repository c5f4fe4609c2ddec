import { Type } from '@sinclair/typebox'
import { RecordError } from '../core/store-error.js'
import { parseRecord, writtenActor } from '../core/stored-record.js'
import type { Attempt, Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

/** Names a record by its row, which no record may contradict. */
export type EndpointRow = Pick<WebhookEndpoint, 'workspace' | 'id'>
export type DeliveryRow = Pick<Delivery, 'workspace' | 'endpointId' | 'id'>

/** The part of a delivery that changes, as it is stored. */
export interface Progress {
  readonly state: string
  readonly attempts: string
  /** Milliseconds since the epoch: when a pending delivery is due, or until when it is leased. */
  readonly due?: number | undefined
}

const text = Type.String()
const date = Type.Date()

/** Fields, events and outcomes that a later release adds are allowed: releases run side by side. */
const endpointSchema = Type.Object({
  id: text,
  workspace: text,
  environment: Type.Optional(text),
  url: text,
  events: Type.Array(Type.Unsafe<WebhookEndpoint['events'][number]>(text)),
  description: Type.Optional(text),
  secrets: Type.Array(Type.Object({ value: text, createdAt: date, retiresAt: Type.Optional(date) })),
  createdAt: date,
  disabledAt: Type.Optional(date),
  disabledReason: Type.Optional(Type.Unsafe<NonNullable<WebhookEndpoint['disabledReason']>>(text)),
  failingSince: Type.Optional(date),
  updatedAt: Type.Optional(date),
  updatedBy: Type.Optional(writtenActor),
  version: Type.Integer()
})

const deliverySchema = Type.Object({
  id: text,
  workspace: text,
  endpointId: text,
  eventId: text,
  type: Type.Unsafe<Delivery['type']>(text),
  payload: text,
  createdAt: date
})

const attemptsSchema = Type.Array(Type.Object({
  at: date,
  took: Type.Number(),
  status: Type.Optional(Type.Integer()),
  outcome: Type.Unsafe<Attempt['outcome']>(text)
}))

export function writeEndpoint (endpoint: WebhookEndpoint): string {
  return JSON.stringify(endpoint)
}

/** @throws RecordError, as `readDelivery` */
export function readEndpoint (row: EndpointRow, record: string): WebhookEndpoint {
  const name = `endpoint ${JSON.stringify(row.id)}`
  const endpoint = parseRecord(endpointSchema, record, name, revive)
  checkRow(name, row, endpoint)
  return endpoint
}

/** The part of a delivery that never changes. */
export function writeDelivery ({ state: _state, attempts: _attempts, nextAt: _nextAt, ...fixed }: Delivery): string {
  return JSON.stringify(fixed)
}

export function writeAttempts (attempts: readonly Attempt[]): string {
  return JSON.stringify(attempts)
}

export function readDelivery (row: DeliveryRow, record: string, { state, attempts, due }: Progress): Delivery {
  const name = `delivery ${JSON.stringify(row.id)}`
  const fixed = parseRecord(deliverySchema, record, name, revive)
  checkRow(name, row, fixed)
  if (!isState(state)) throw new RecordError(name, 'its state is unknown')
  if (Number.isNaN(due)) throw new RecordError(name, 'when it is due is no time')
  const made = parseRecord(attemptsSchema, attempts, name, revive)
  return Object.freeze({ ...fixed, state, attempts: made, ...due !== undefined && { nextAt: new Date(due) } })
}

const states: ReadonlySet<string> = new Set<DeliveryState>(['pending', 'delivered', 'failed'])

function isState (text: string): text is DeliveryState {
  return states.has(text)
}

function checkRow<R extends object> (name: string, row: R, record: R): void {
  for (const [field, value] of Object.entries(row)) {
    if (Reflect.get(record, field) !== value) throw new RecordError(name, `${field} is another than that of its row`)
  }
}

/** Every field whose name says so is a date. All that is read is frozen: no reader can change what another one has. */
function revive (name: string, value: unknown): unknown {
  if (typeof value === 'string' && DATE_FIELD.test(name)) return new Date(value)
  return Object.freeze(value)
}

const DATE_FIELD = /(^at|At|Since)$/
