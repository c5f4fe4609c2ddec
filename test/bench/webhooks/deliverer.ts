import { setTimeout } from 'node:timers/promises'
import { Value } from '@sinclair/typebox/value'
import { createEmbeddedEngine, type Deliver, type Delivery, type DeliveryEngine, type WebhookEndpoint, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { Redis } from 'ioredis'
import { createDeliver } from '../../../lib/webhooks/deliver.js'
import { createSecretEncryption } from '../../../lib/webhooks/secret-encryption.js'
import { newSecret } from '../../../lib/webhooks/secret.js'
import { createSend } from '../../../lib/webhooks/send.js'
import { obey } from '../child.js'
import { DEAD, DeliveriesAsked, DelivererTerms } from '../messages.js'

/** Seconds, so that the dead endpoint holds its places as long as it may. */
const DEADLINE = 15
/** Milliseconds between the events of a stream. */
const APART = 10
/** Milliseconds after which an engine has taken what it ever holds: all its places are busy and it has looked again. */
const WEIGHED_AFTER = 3000
/** Deliveries that are added at once. */
const BATCH = 500

let terms: DelivererTerms = { port: 0, cert: '', redis: 0 }
let store: WebhookStore
let made = 0
/** Milliseconds from its event to the answer, of each delivery to a live endpoint. */
let latencies: number[] = []
let deliver: Deliver

// Whoever asks ends the process afterwards: an attempt that nobody answers would hold up a clean end.
obey({
  async open (value) {
    terms = Value.Decode(DelivererTerms, value)
    store = terms.postgres === undefined ? createRedisWebhookStore({ redis: new Redis(terms.redis, '127.0.0.1'), namespace: `b${process.pid}`, timeout: 30 }) : createPostgresWebhookStore({ connectionString: terms.postgres, statementTimeout: 60 })
    const send = createSend({ signal: new AbortController().signal, anywhere: true, resolve: async () => ['127.0.0.1'], deadline: DEADLINE, ca: terms.cert })
    const attempt = createDeliver({ store, send, encryption: createSecretEncryption([]), clock: Date.now, random: Math.random, schedule: [3600], disableAfter: 86_400, userAgent: 'bench', log })
    deliver = async (claim) => {
      const settled = await attempt(claim)
      if (settled?.state === 'delivered') latencies.push(Date.now() - claim.delivery.createdAt.getTime())
      return settled
    }
  },

  /** All are there at once: how fast they go. */
  async burst (value) {
    const { engine: name, endpoints: count, deliveries } = Value.Decode(DeliveriesAsked, value)
    const endpoints = await insert(count, '/live')
    latencies = []
    await fill(endpoints, deliveries)
    const [cpu, began] = [process.cpuUsage(), performance.now()]
    await start(name)
    while (latencies.length < deliveries) await setTimeout(1)
    const seconds = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(cpu)
    return { perSecond: deliveries / seconds, cpuMicros: (user + system) / deliveries }
  },

  /** One event after the other, to one live endpoint after the other; a dead one may have a queue beside them. */
  async stream (value) {
    const { engine: name, endpoints: count, deliveries, dead = 0 } = Value.Decode(DeliveriesAsked, value)
    const endpoints = await insert(count, '/live')
    await fill(await insert(1, DEAD), dead)
    latencies = []
    const engine = await start(name)
    for (let i = 0; i < deliveries; i++) {
      const endpoint = endpoints[i % endpoints.length]
      if (endpoint === undefined) break
      const one = delivery(endpoint)
      await store.enqueue([one])
      await engine.wake([one])
      await setTimeout(APART)
    }
    while (latencies.length < deliveries) await setTimeout(1)
    latencies.sort((a, b) => a - b)
    const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? NaN
    return { p50: at(0.5), p99: at(0.99) }
  },

  /** Bytes of heap that an engine has more while so many wait at endpoints of which none answers. */
  async pending (value) {
    const { engine: name, endpoints: count, deliveries } = Value.Decode(DeliveriesAsked, value)
    await fill(await insert(count, DEAD), deliveries)
    const before = held()
    await start(name)
    await setTimeout(WEIGHED_AFTER)
    return held() - before
  }
})

async function start (name: 'embedded' | 'bullmq'): Promise<DeliveryEngine> {
  const engine = name === 'embedded' ? createEmbeddedEngine() : createBullmqEngine({ connection: { host: '127.0.0.1', port: terms.redis }, queue: `b${process.pid}.${made++}` })
  await engine.start({ store, clock: Date.now, deliver, deadline: DEADLINE, log, inform: console.log })
  return engine
}

async function insert (count: number, path: string): Promise<WebhookEndpoint[]> {
  const createdAt = new Date()
  const endpoints = Array.from({ length: count }, () => ({ id: `whe_${process.pid}_${made++}`, workspace: 'w1', url: `https://localhost:${terms.port}${path}`, events: [], secrets: [{ value: newSecret(), createdAt }], createdAt, version: 1 }))
  for (const endpoint of endpoints) await store.insertEndpoint(endpoint, endpoints.length)
  return endpoints
}

async function fill (endpoints: readonly WebhookEndpoint[], count: number): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => endpoints[(done + i) % endpoints.length])
    await store.enqueue(batch.filter((endpoint) => endpoint !== undefined).map(delivery))
  }
}

function delivery ({ id, workspace }: WebhookEndpoint): Delivery {
  const eventId = `evt_${process.pid}_${made++}`
  const payload = JSON.stringify({ type: 'key.expiring', timestamp: new Date().toISOString(), data: { key: { id: 'key_1', environment: 'production', name: 'nightly', hint: 'aBcD' }, threshold: 86_400 } })
  return { id: `${eventId}.${id}`, workspace, endpointId: id, eventId, type: 'key.expiring', payload, createdAt: new Date(), state: 'pending', attempts: [], nextAt: new Date() }
}

function held (): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function log (reason: string, message: string): void {
  console.error(message, reason)
}
