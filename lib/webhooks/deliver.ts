import { describeFault } from '../core/errors.js'
import type { Clock } from '../core/clock.js'
import { endpointAfter, settledBy, type Answer, type Patience } from './answer.js'
import type { Attempt, WebhookEndpoint } from './endpoint.js'
import type { Deliver } from './engine.js'
import type { SecretEncryption } from './secret-encryption.js'
import { signaturesOf } from './secret.js'
import type { Send } from './send.js'
import type { Claim, WebhookStore } from './store.js'

export interface DeliverDeps extends Patience {
  readonly store: WebhookStore
  readonly send: Send
  readonly seal: SecretEncryption
  readonly clock: Clock
  /** From 0 to less than 1. */
  readonly random: () => number
  readonly userAgent: string
  readonly log: (reason: string, message: string) => void
}

/** Others may change an endpoint at the same time. */
const TRIES = 3

/** One attempt: the endpoint as it is now, the request, what becomes of the delivery, and of the endpoint. */
export function createDeliver (parts: DeliverDeps): Deliver {
  const { store, clock, random, log } = parts

  return async function deliver (claim) {
    const { delivery } = claim
    try {
      const endpoint = await store.getEndpoint(delivery.workspace, delivery.endpointId)
      const began = clock()
      const answer = await attempt(parts, endpoint, claim, began)
      const settled = settledBy({ answer, began, now: clock() }, delivery, parts, random())
      if (endpoint !== undefined) await note(endpoint, settled.attempt).catch((fault: unknown) => log(describeFault(fault), `what an attempt says of the endpoint ${endpoint.id} could not be noted`))
      return settled
    } catch (fault) {
      log(describeFault(fault), `the delivery ${delivery.id} could not be attempted; it waits until its claim has run out`)
      return undefined
    }
  }

  async function note (endpoint: WebhookEndpoint, attempt: Attempt): Promise<void> {
    let present: WebhookEndpoint | undefined = endpoint
    for (let left = TRIES; left > 0 && present !== undefined; left--) {
      const after = endpointAfter(present, attempt, parts)
      if (after === undefined) return
      if (await store.updateEndpoint(after)) {
        if (after.disabledReason !== undefined) log(after.disabledReason, `the endpoint ${after.id} of the workspace ${after.workspace} is disabled`)
        return
      }
      present = await store.getEndpoint(endpoint.workspace, endpoint.id)
    }
  }
}

async function attempt ({ send, seal, userAgent }: DeliverDeps, endpoint: WebhookEndpoint | undefined, { delivery }: Claim, now: number): Promise<Answer> {
  if (endpoint === undefined || endpoint.disabledAt !== undefined) return { failure: 'disabled' }
  const { eventId: id, payload: body } = delivery
  const timestamp = Math.floor(now / 1000)
  const secrets = secretsInForce(endpoint, now).map((value) => seal.open(value, endpoint.id))
  const headers = {
    'content-type': 'application/json',
    'user-agent': userAgent,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signaturesOf(secrets, { id, timestamp, body })
  }
  return await send({ url: endpoint.url, headers, body })
}

/** Newest first. */
function secretsInForce ({ secrets }: WebhookEndpoint, now: number): string[] {
  return secrets.filter(({ retiresAt }) => retiresAt === undefined || now < retiresAt.getTime()).map(({ value }) => value).reverse()
}
