import type { Attempt, Delivery, DeliveryState, WebhookEndpoint } from './endpoint.js'

/** The part of a delivery that changes. */
export interface Progress {
  readonly state: DeliveryState
  readonly attempts: readonly Attempt[]
  /** Milliseconds since the epoch: when a pending delivery is due, or until when it is leased. */
  readonly due?: number | undefined
}

export function writeEndpoint (endpoint: WebhookEndpoint): string {
  return JSON.stringify(endpoint)
}

export function readEndpoint (text: string): WebhookEndpoint {
  return JSON.parse(text, revive)
}

/** The part of a delivery that never changes. */
export function writeDelivery ({ state: _state, attempts: _attempts, nextAt: _nextAt, ...fixed }: Delivery): string {
  return JSON.stringify(fixed)
}

export function writeAttempts (attempts: readonly Attempt[]): string {
  return JSON.stringify(attempts)
}

export function readAttempts (text: string): readonly Attempt[] {
  return JSON.parse(text, revive)
}

export function readDelivery (text: string, { state, attempts, due }: Progress): Delivery {
  const fixed: Omit<Delivery, keyof Progress | 'nextAt'> = JSON.parse(text, revive)
  return Object.freeze({ ...fixed, state, attempts, ...due !== undefined && { nextAt: new Date(due) } })
}

const states: ReadonlySet<string> = new Set<DeliveryState>(['pending', 'delivered', 'failed'])

function isState (text: string): text is DeliveryState {
  return states.has(text)
}

/** @throws TypeError for text that no release has written */
export function readState (text: string): DeliveryState {
  if (!isState(text)) throw new TypeError('a stored delivery is in no known state')
  return text
}

/** Every field whose name says so is a date. All that is read is frozen: no reader can change what another one has. */
function revive (name: string, value: unknown): unknown {
  if (typeof value === 'string' && DATE_FIELD.test(name)) return new Date(value)
  return Object.freeze(value)
}

const DATE_FIELD = /(^at|At|Since)$/
