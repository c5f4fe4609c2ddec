import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type {
  Attempt, Claim, Claimed, ClaimLimit, Delivery, Settled, WebhookEndpoint, WebhookStore
} from '../webhooks/index.js'

/** One rule that every webhook store keeps. */
export interface WebhookStoreCase {
  readonly name: string
  /** Rejects with an `AssertionError` if the store breaks the rule. */
  run (store: WebhookStore): Promise<void>
}

export const START = Date.UTC(2026, 0, 1)
export const LEASE = 30_000
/** Endpoints that a workspace may have, where a rule is not about that. */
export const MAX = 100
/** @param milliseconds after `START` */
export const at = (milliseconds: number) => new Date(START + milliseconds)
export const word = (prefix: string) => `${prefix}_${randomUUID()}`

export function endpoint (workspace: string, more: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    id: word('whe'),
    workspace,
    url: 'https://example.com/',
    events: [],
    secrets: [{ value: 'whsec_x', createdAt: at(0) }],
    createdAt: at(0),
    version: 1,
    ...more
  }
}

export function delivery ({ workspace, id }: WebhookEndpoint, more: Partial<Delivery> = {}): Delivery {
  const eventId = word('evt')
  return {
    id: `${eventId}.${id}`,
    workspace,
    endpointId: id,
    eventId,
    type: 'key.expiring',
    payload: '{"a":"ä"}',
    createdAt: at(0),
    state: 'pending',
    attempts: [],
    nextAt: at(0),
    ...more
  }
}

export async function inserted (store: WebhookStore, more: Partial<WebhookEndpoint> = {}): Promise<WebhookEndpoint> {
  const made = endpoint(word('w'), more)
  await store.insertEndpoint(made, MAX)
  return made
}

export function attempt (more: Partial<Attempt> = {}): Attempt {
  return { at: at(1), took: 5, status: 500, outcome: 'refused', ...more }
}

export function settled (more: Partial<Settled> = {}): Settled {
  return { attempt: attempt({ outcome: 'delivered', status: 204 }), state: 'delivered', ...more }
}

/** Claims deliveries to one endpoint alone, as a store may have others. @param now milliseconds after `START` */
export async function claimOf (store: WebhookStore, of: WebhookEndpoint, now: number, limit = 10): Promise<Claimed> {
  const only = { workspace: of.workspace, endpointId: of.id }
  return await store.claim(START + now, LEASE, { limit, perEndpoint: limit, only })
}

export async function one (store: WebhookStore, of: WebhookEndpoint, now: number): Promise<Claim> {
  const { claims: [claim] } = await claimOf(store, of, now, 1)
  assert.ok(claim !== undefined)
  return claim
}

/** Claims and settles everything that is due. @returns of each claim, endpoint → how many deliveries to it */
export async function claimAll (store: WebhookStore, now: number, limit: ClaimLimit) {
  const all: Array<ReadonlyMap<string, number>> = []
  for (;;) {
    const { claims } = await store.claim(START + now, LEASE, limit)
    if (claims.length === 0) return all
    assert.ok(claims.length <= limit.limit)
    const counts = new Map<string, number>()
    for (const claim of claims) {
      counts.set(claim.delivery.endpointId, (counts.get(claim.delivery.endpointId) ?? 0) + 1)
      await store.settle(claim, settled())
    }
    all.push(counts)
  }
}
