import { randomUUID } from 'node:crypto'
import { AccessError, describeFault } from '../core/errors.js'
import { readCursor, writeCursor } from '../core/cursor.js'
import { readInput } from '../core/input.js'
import { isId, isName } from '../core/name.js'
import { actorOf } from '../core/principal.js'
import { withTimeout, type Clock } from '../core/clock.js'
import { checkDestination, type DestinationDeps } from './destination.js'
import type { Delivery, EndpointSecret, WebhookEndpoint } from './endpoint.js'
import type { DeliveryEngine } from './engine.js'
import { createSchema, invalid, pageSchema, rotateSchema, updateSchema } from './input.js'
import { newDelivery } from './new-delivery.js'
import { payloadOf } from './payload.js'
import type { SecretEncryption } from './secret-encryption.js'
import { newSecret } from './secret.js'
import type { WebhookStore } from './store.js'
import type { EndpointCaller, EndpointFilter, EndpointUpdate, Webhooks } from './webhooks.js'

export interface WebhooksDeps extends DestinationDeps {
  readonly store: WebhookStore
  readonly encryption: SecretEncryption
  readonly clock: Clock
  /** Seconds that the store may take. */
  readonly deadline: number
  /** Of one workspace. */
  readonly maxEndpoints: number
  readonly wake: DeliveryEngine['wake']
}

/** Secrets of one endpoint: the newest, and those before it that have not retired yet. */
const MAX_SECRETS = 3
/** Seconds that the secret before signs too, by default. */
const DEFAULT_GRACE = 86_400

export function createWebhooks (deps: WebhooksDeps): Webhooks {
  const { store, encryption, clock, deadline, maxEndpoints, wake } = deps

  async function ask<T> (work: Promise<T>): Promise<T> {
    try {
      return await withTimeout(work, deadline, 'the webhook store')
    } catch (fault) {
      throw new AccessError('WEBHOOKS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
    }
  }

  async function normalUrl (text: string): Promise<string> {
    const destination = await checkDestination(text, deps)
    if ('fault' in destination) throw invalid(`url ${destination.fault}`)
    return destination.url.href
  }

  async function find (workspace: string, id: string, { environment }: EndpointFilter): Promise<WebhookEndpoint> {
    const endpoint = isName(workspace) && isId(id) ? await ask(store.getEndpoint(workspace, id)) : undefined
    const isVisible = environment === undefined || endpoint?.environment === environment
    if (endpoint === undefined || !isVisible) throw new AccessError('WEBHOOK_NOT_FOUND')
    return endpoint
  }

  async function findVersion (
    workspace: string, id: string, filter: EndpointFilter, version: number | undefined
  ): Promise<WebhookEndpoint> {
    const found = await find(workspace, id, filter)
    if (version === undefined || version === found.version) return found
    throw conflict(`The endpoint has the version ${found.version}, not ${version}; read it again.`)
  }

  async function save (
    { updatedBy: _before, ...endpoint }: WebhookEndpoint, { by }: EndpointCaller
  ): Promise<WebhookEndpoint> {
    const changed = { updatedAt: new Date(clock()), ...by && { updatedBy: actorOf(by) } }
    const next = { ...endpoint, ...changed, version: endpoint.version + 1 }
    if (!await ask(store.updateEndpoint(next))) throw conflict('The endpoint was changed meanwhile; read it again.')
    return next
  }

  async function enqueue (
    endpoint: WebhookEndpoint,
    content: Pick<Delivery, 'eventId' | 'type' | 'payload'>
  ): Promise<Delivery> {
    if (endpoint.disabledAt !== undefined) throw conflict('The endpoint is disabled; enable it first.')
    const delivery = newDelivery(`whd_${randomUUID()}`, endpoint, content, clock())
    await ask(store.enqueue([delivery]))
    await wake([delivery])
    return delivery
  }

  function createSecret (endpointId: string): { secret: string, stored: EndpointSecret } {
    const secret = newSecret()
    return { secret, stored: { value: encryption.encrypt(secret, endpointId), createdAt: new Date(clock()) } }
  }

  return {
    async create (workspace, input) {
      const { url, events = [], description, environment } = readInput(createSchema, input, invalid)
      checkWorkspace(workspace)
      const id = `whe_${randomUUID()}`
      const href = await normalUrl(url)
      const { secret, stored } = createSecret(id)
      const endpoint = {
        id,
        workspace,
        url: href,
        events: [...new Set(events)],
        secrets: [stored],
        createdAt: new Date(clock()),
        version: 1,
        ...description !== undefined && { description },
        ...environment !== undefined && { environment }
      }
      if (await ask(store.insertEndpoint(endpoint, maxEndpoints))) return { endpoint, secret }
      throw conflict(`The workspace has ${maxEndpoints} endpoints already; remove one first.`)
    },
    get: async (workspace, id, filter = {}) => await find(workspace, id, filter),
    async list (workspace, { environment } = {}) {
      checkWorkspace(workspace)
      const endpoints = await ask(store.listEndpoints(workspace))
      return endpoints.filter((one) => environment === undefined || one.environment === environment)
    },
    async update (workspace, id, input, caller = {}) {
      const { version, url, ...update } = readInput(updateSchema, input, invalid)
      const found = await findVersion(workspace, id, caller, version)
      const href = url === undefined ? found.url : await normalUrl(url)
      return await save({ ...updated(found, update, clock()), url: href }, caller)
    },
    async remove (workspace, id, filter = {}) {
      await find(workspace, id, filter)
      await ask(store.removeEndpoint(workspace, id))
    },
    async rotateSecret (workspace, id, input = {}, caller = {}) {
      const { grace = DEFAULT_GRACE, version } = readInput(rotateSchema, input, invalid)
      const found = await findVersion(workspace, id, caller, version)
      const { secret, stored } = createSecret(id)
      const retiring = retire(found.secrets, clock(), grace).slice(1 - MAX_SECRETS)
      return { endpoint: await save({ ...found, secrets: [...retiring, stored] }, caller), secret }
    },
    async test (workspace, id, filter = {}) {
      const endpoint = await find(workspace, id, filter)
      const type = 'webhook.test'
      const payload = String(payloadOf({ type, at: new Date(clock()), data: { endpoint: id } }))
      return await enqueue(endpoint, { eventId: `evt_${randomUUID().replaceAll('-', '')}`, type, payload })
    },
    async deliveries (workspace, id, input = {}, filter = {}) {
      const { limit = 50, cursor, state } = readInput(pageSchema, input, invalid)
      const after = cursor === undefined ? undefined : readCursor(cursor)
      if (cursor !== undefined && after === undefined) throw invalid('cursor must be `next` of the page before')
      await find(workspace, id, filter)
      const { deliveries, next } = await ask(store.listDeliveries(workspace, id, { limit, after, state }))
      return { deliveries, ...next !== undefined && { next: writeCursor(next) } }
    },
    async replay (workspace, id, deliveryId, filter = {}) {
      const endpoint = await find(workspace, id, filter)
      const delivery = isId(deliveryId) ? await ask(store.getDelivery(workspace, id, deliveryId)) : undefined
      if (delivery === undefined) throw new AccessError('WEBHOOK_NOT_FOUND')
      return await enqueue(endpoint, delivery)
    }
  }
}

/** Enabling an endpoint that is enabled, or disabling one that is not, changes nothing. */
function updated (
  endpoint: WebhookEndpoint,
  { events, description, enabled }: Omit<EndpointUpdate, 'url' | 'version'>,
  now: number
): WebhookEndpoint {
  const { description: before, disabledAt, disabledReason, failingSince, ...rest } = endpoint
  const after = description === undefined ? before : description ?? undefined
  const isChanged = enabled !== undefined && enabled !== (disabledAt === undefined)
  const health = {
    ...disabledAt && { disabledAt },
    ...disabledReason && { disabledReason },
    ...failingSince && { failingSince }
  }
  const disabled = { disabledAt: new Date(now), disabledReason: 'requested' } as const
  return {
    ...rest,
    ...!isChanged ? health : enabled ? {} : disabled,
    ...events !== undefined && { events: [...new Set(events)] },
    ...after !== undefined && { description: after }
  }
}

/** No secret gets more time than it had before. @param grace seconds */
function retire (secrets: readonly EndpointSecret[], now: number, grace: number): EndpointSecret[] {
  const end = now + grace * 1000
  return secrets
    .map((one) => ({ ...one, retiresAt: new Date(Math.min(one.retiresAt?.getTime() ?? end, end)) }))
    .filter(({ retiresAt }) => now < retiresAt.getTime())
}

function checkWorkspace (workspace: string): void {
  if (!isName(workspace)) throw invalid('workspace must be the name of a workspace')
}

function conflict (detail: string): AccessError {
  return new AccessError('WEBHOOK_CONFLICT', { detail, reason: detail })
}
