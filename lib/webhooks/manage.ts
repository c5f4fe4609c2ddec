import { randomUUID } from 'node:crypto'
import { AccessError, describeFault } from '../core/errors.js'
import { readCursor, writeCursor } from '../core/cursor.js'
import { withTimeout as settlesWithin, type Clock } from '../core/clock.js'
import { checkDestination, type DestinationTerms } from './destination.js'
import type { Delivery, EndpointSecret, WebhookEndpoint } from './endpoint.js'
import { changeSchema, createSchema, invalid, pageSchema, readInput, rotateSchema } from './input.js'
import { payloadOf } from './payload.js'
import type { SecretEncryption } from './secret-encryption.js'
import { newSecret } from './secret.js'
import type { WebhookStore } from './store.js'
import { deliveryOf, type Webhooks, type EndpointFilter } from './webhooks.js'

export interface ManageDeps extends DestinationTerms {
  readonly store: WebhookStore
  readonly seal: SecretEncryption
  readonly clock: Clock
  /** Seconds that the store may take. */
  readonly deadline: number
  /** Endpoints of a workspace. */
  readonly most: number
  readonly wake: (deliveries: readonly Delivery[]) => Promise<void>
}

/** Secrets that an endpoint keeps: the one in force and those that retire. */
const MOST_SECRETS = 3
const DAY = 86_400

export function createWebhooks (parts: ManageDeps): Webhooks {
  const { store, seal, clock, deadline, most, wake } = parts

  async function ask<T> (work: Promise<T>): Promise<T> {
    try {
      return await settlesWithin(work, deadline, 'the webhook store')
    } catch (fault) {
      throw new AccessError('WEBHOOKS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
    }
  }

  async function urlOf (text: string): Promise<string> {
    const checked = await checkDestination(text, parts)
    if ('fault' in checked) throw invalid(`url ${checked.fault}`)
    return checked.url.href
  }

  async function find (workspace: string, id: string, { environment }: EndpointFilter): Promise<WebhookEndpoint> {
    const endpoint = await ask(store.getEndpoint(workspace, id))
    if (endpoint === undefined || (environment ?? endpoint.environment) !== endpoint.environment) throw new AccessError('WEBHOOK_NOT_FOUND')
    return endpoint
  }

  async function save (endpoint: WebhookEndpoint): Promise<WebhookEndpoint> {
    const next = { ...endpoint, version: endpoint.version + 1 }
    if (!await ask(store.updateEndpoint(next))) throw conflict('The endpoint was changed by somebody else.')
    return next
  }

  async function send (endpoint: WebhookEndpoint, what: Pick<Delivery, 'eventId' | 'type' | 'payload'>): Promise<Delivery> {
    if (endpoint.disabledAt !== undefined) throw conflict('The endpoint is disabled; enable it first.')
    const delivery = deliveryOf(endpoint, what, clock(), true)
    await ask(store.enqueue([delivery]))
    await wake([delivery])
    return delivery
  }

  function secretFor (id: string): { secret: string, kept: EndpointSecret } {
    const secret = newSecret()
    return { secret, kept: { value: seal.close(secret, id), createdAt: new Date(clock()) } }
  }

  return {
    async create (workspace, input) {
      const { url, events = [], description, environment } = readInput(createSchema, input)
      const id = `whe_${randomUUID()}`
      const href = await urlOf(url)
      const present = await ask(store.listEndpoints(workspace))
      if (present.length >= most) throw conflict(`The workspace has ${most} endpoints already; remove one first.`)
      const { secret, kept } = secretFor(id)
      const endpoint = { id, workspace, url: href, events: [...new Set(events)], secrets: [kept], createdAt: new Date(clock()), version: 1, ...description !== undefined && { description }, ...environment !== undefined && { environment } }
      await ask(store.insertEndpoint(endpoint))
      return { endpoint, secret }
    },
    get: async (workspace, id, within = {}) => await find(workspace, id, within),
    async list (workspace, { environment } = {}) {
      const endpoints = await ask(store.listEndpoints(workspace))
      return endpoints.filter((one) => (environment ?? one.environment) === one.environment)
    },
    async update (workspace, id, input, within = {}) {
      const { url, events, description, enabled, version } = readInput(changeSchema, input)
      const found = await find(workspace, id, within)
      if (version !== undefined && version !== found.version) throw conflict('The endpoint was changed by somebody else.')
      const { description: before, disabledAt, disabledReason, failingSince, ...rest } = found
      const described = description === undefined ? before : description ?? undefined
      const state = enabled === undefined || enabled === (disabledAt === undefined)
        ? { ...disabledAt && { disabledAt }, ...disabledReason && { disabledReason }, ...failingSince && { failingSince } }
        : enabled ? {} : { disabledAt: new Date(clock()), disabledReason: 'requested' as const }
      const href = url === undefined ? found.url : await urlOf(url)
      return await save({ ...rest, ...state, url: href, ...events !== undefined && { events: [...new Set(events)] }, ...described !== undefined && { description: described } })
    },
    async remove (workspace, id, within = {}) {
      await find(workspace, id, within)
      await ask(store.removeEndpoint(workspace, id))
    },
    async rotateSecret (workspace, id, input = {}, within = {}) {
      const { grace = DAY } = readInput(rotateSchema, input)
      const found = await find(workspace, id, within)
      const now = clock()
      const end = now + grace * 1000
      const retiring = found.secrets.map((one) => ({ ...one, retiresAt: new Date(Math.min(one.retiresAt?.getTime() ?? end, end)) })).filter(({ retiresAt }) => now < retiresAt.getTime())
      const { secret, kept } = secretFor(id)
      return { endpoint: await save({ ...found, secrets: [...retiring.slice(1 - MOST_SECRETS), kept] }), secret }
    },
    async test (workspace, id, within = {}) {
      const endpoint = await find(workspace, id, within)
      const type = 'webhook.test'
      return await send(endpoint, { eventId: `evt_${randomUUID().replaceAll('-', '')}`, type, payload: String(payloadOf({ type, at: new Date(clock()), data: { endpoint: id } })) })
    },
    async deliveries (workspace, id, input = {}, within = {}) {
      const { limit = 50, cursor, state } = readInput(pageSchema, input)
      const after = cursor === undefined ? undefined : readCursor(cursor)
      if (cursor !== undefined && after === undefined) throw invalid('cursor must be `next` of the page before')
      await find(workspace, id, within)
      const { deliveries, next } = await ask(store.listDeliveries(workspace, id, { limit, after, state }))
      return { deliveries, ...next !== undefined && { next: writeCursor(next) } }
    },
    async replay (workspace, id, deliveryId, within = {}) {
      const endpoint = await find(workspace, id, within)
      const delivery = await ask(store.getDelivery(workspace, id, deliveryId))
      if (delivery === undefined) throw new AccessError('WEBHOOK_NOT_FOUND')
      return await send(endpoint, delivery)
    }
  }
}

function conflict (detail: string): AccessError {
  return new AccessError('WEBHOOK_CONFLICT', { detail, reason: detail })
}
