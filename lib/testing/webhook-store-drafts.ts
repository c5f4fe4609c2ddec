import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Attempt, Claim, Delivery, EndpointLimit, Settled, WebhookEndpoint, WebhookStore } from '../webhooks/index.js'

/** One thing that every webhook store does. */
export interface WebhookStoreCase {
  readonly name: string
  /** Rejects with what is wrong. */
  run (store: WebhookStore): Promise<void>
}

export const START = Date.UTC(2026, 0, 1)
export const LEASE = 30_000
/** Endpoints that a workspace may have, where a case is not about that. */
export const MAX = 100
export const at = (milliseconds: number) => new Date(START + milliseconds)
export const word = (prefix: string) => `${prefix}_${randomUUID()}`

export function endpoint (workspace: string, more: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return { id: word('whe'), workspace, url: 'https://example.com/', events: [], secrets: [{ value: 'whsec_x', createdAt: at(0) }], createdAt: at(0), version: 1, ...more }
}

export function delivery ({ workspace, id }: WebhookEndpoint, more: Partial<Delivery> = {}): Delivery {
  const eventId = word('evt')
  return { id: `${eventId}.${id}`, workspace, endpointId: id, eventId, type: 'key.expiring', payload: '{"a":"ä"}', createdAt: at(0), state: 'pending', attempts: [], nextAt: at(0), ...more }
}

export async function inserted (store: WebhookStore, more: Partial<WebhookEndpoint> = {}): Promise<WebhookEndpoint> {
  const made = endpoint(word('w'), more)
  await store.insertEndpoint(made, MAX)
  return made
}

export const attempt = (more: Partial<Attempt> = {}): Attempt => ({ at: at(1), took: 5, status: 500, outcome: 'refused', ...more })
export const settled = (more: Partial<Settled> = {}): Settled => ({ attempt: attempt({ outcome: 'delivered', status: 204 }), state: 'delivered', ...more })

/** Takes from the endpoints of one test alone, as a store may be shared. */
export async function claimOf (store: WebhookStore, { workspace, id }: WebhookEndpoint, now: number, limit = 10) {
  return await store.claim(START + now, LEASE, { limit, perEndpoint: limit, only: { workspace, endpointId: id } })
}

export async function one (store: WebhookStore, of: WebhookEndpoint, now: number): Promise<Claim> {
  const { claims: [claim] } = await claimOf(store, of, now, 1)
  assert.ok(claim !== undefined)
  return claim
}

/** Everything that is due, a turn at a time, and how much of each endpoint each turn gave out. */
export async function turns (store: WebhookStore, now: number, limit: number, perEndpoint: number, endpointLimits: readonly EndpointLimit[] = []): Promise<Array<Map<string, number>>> {
  const all: Array<Map<string, number>> = []
  for (;;) {
    const { claims } = await store.claim(START + now, LEASE, { limit, perEndpoint, endpointLimits })
    if (claims.length === 0) return all
    assert.ok(claims.length <= limit)
    const counts = new Map<string, number>()
    for (const claim of claims) {
      counts.set(claim.delivery.endpointId, (counts.get(claim.delivery.endpointId) ?? 0) + 1)
      await store.settle(claim, settled())
    }
    all.push(counts)
  }
}
