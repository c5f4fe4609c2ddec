import { Redis } from 'ioredis'
import { createEmbeddedEngine } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { createDeliver } from '../../lib/webhooks/deliver.js'
import { createSecretEncryption } from '../../lib/webhooks/secret-encryption.js'
import { createSend } from '../../lib/webhooks/send.js'

/** A process that delivers from the Redis at REDIS_PORT, by BullMQ where ENGINE says so, by a clock that is SKEW milliseconds ahead. */
const clock = (): number => Date.now() + Number(process.env.SKEW)
const port = Number(process.env.REDIS_PORT)
const store = createRedisWebhookStore({ redis: new Redis(port, '127.0.0.1') })
const log = (reason: string, message: string): void => console.error(message, reason)
const send = createSend({ signal: new AbortController().signal, anywhere: true, resolve: async () => ['127.0.0.1'], deadline: 60, ca: process.env.CA })
const deliver = createDeliver({ store, send, encryption: createSecretEncryption([]), clock, random: Math.random, schedule: [1], disableAfter: 1000, userAgent: 'worker', log, onBroken: console.error })
const engine = process.env.ENGINE === 'bullmq' ? createBullmqEngine({ connection: { host: '127.0.0.1', port }, sweep: 0.05, stalledAfter: 1 }) : createEmbeddedEngine({ poll: 0.05 })
await engine.start({ store, clock, deliver, deadline: 20, log, inform: console.log })
setInterval(() => {}, 1000)
