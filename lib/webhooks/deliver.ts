import { describeFault } from '../core/errors.js'
import type { Clock } from '../core/clock.js'
import { RecordError } from '../core/store-error.js'
import type { OnBroken } from '../core/stored-record.js'
import type { Attempt, WebhookEndpoint } from './endpoint.js'
import type { Deliver } from './engine.js'
import { endpointAfter, settle, type RetryPolicy } from './outcome.js'
import type { SecretEncryption } from './secret-encryption.js'
import { signaturesOf, type Message } from './secret.js'
import type { Send } from './send.js'
import type { Claim, WebhookStore } from './store.js'

export interface DeliverDeps extends RetryPolicy {
  readonly store: WebhookStore
  readonly send: Send
  readonly encryption: SecretEncryption
  readonly clock: Clock
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly userAgent: string
  readonly log: (reason: string, message: string) => void
  /** Logs an endpoint that can't be read, however many deliveries wait for it. */
  readonly onBroken: OnBroken
}

/** Of one update of an endpoint, which others may change at the same time. */
const MAX_TRIES = 3

/** Makes one attempt: reads the endpoint as it is now, sends the request, and updates the health of the endpoint. */
export function createDeliver (deps: DeliverDeps): Deliver {
  const { store, send, encryption, clock, random, userAgent, log, onBroken } = deps

  async function attempt (endpoint: WebhookEndpoint | undefined, claim: Claim, now: number): ReturnType<Send> {
    if (endpoint === undefined || endpoint.disabledAt !== undefined) return { failure: 'disabled' }
    const { eventId: id, payload: body } = claim.delivery
    const timestamp = Math.floor(now / 1000)
    const signature = sign(endpoint, { id, timestamp, body }, now)
    if (signature === undefined) return { failure: 'undecryptable' }
    const headers = {
      'content-type': 'application/json',
      'user-agent': userAgent,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature
    }
    return await send({ url: endpoint.url, headers, body })
  }

  /** By all secrets that have not retired, newest first; undefined where one of them can't be read. */
  function sign ({ id, secrets }: WebhookEndpoint, message: Message, now: number): string | undefined {
    const valid = secrets.filter(({ retiresAt }) => retiresAt === undefined || now < retiresAt.getTime())
    try {
      return signaturesOf(valid.map(({ value }) => encryption.decrypt(value, id)).reverse(), message)
    } catch (fault) {
      log(describeFault(fault), `no key of webhooks.secretKeys decrypts the secret of the endpoint ${id}`)
      return undefined
    }
  }

  /** Never rejects: the attempt was made, whatever becomes of this. */
  async function updateEndpointHealth (endpoint: WebhookEndpoint, attempt: Attempt): Promise<void> {
    const { workspace, id } = endpoint
    try {
      let current: WebhookEndpoint | undefined = endpoint
      for (let left = MAX_TRIES; left > 0 && current !== undefined; left--) {
        const after = endpointAfter(current, attempt, deps)
        if (after === undefined) return
        if (await store.updateEndpoint(after)) {
          if (after.disabledReason !== undefined) log(after.disabledReason, `the endpoint ${id} is disabled`)
          return
        }
        current = await store.getEndpoint(workspace, id)
      }
    } catch (fault) {
      log(describeFault(fault), `the health of the endpoint ${id} could not be updated after an attempt`)
    }
  }

  return async function deliver (claim) {
    const { delivery } = claim
    try {
      const endpoint = await store.getEndpoint(delivery.workspace, delivery.endpointId)
      const startedAt = clock()
      const result = await attempt(endpoint, claim, startedAt)
      if (result === undefined) return undefined
      const settled = settle({ result, startedAt, now: clock() }, delivery, deps, random())
      if (endpoint !== undefined) await updateEndpointHealth(endpoint, settled.attempt)
      return settled
    } catch (fault) {
      const again = 'it is due again after its lease'
      if (fault instanceof RecordError) onBroken(fault)
      else log(describeFault(fault), `the delivery ${delivery.id} could not be attempted; ${again}`)
      return undefined
    }
  }
}
