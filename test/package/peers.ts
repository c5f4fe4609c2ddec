import Fastify from 'fastify'
import latchkey from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { keyRoutes, webhookRoutes } from 'fastify-latchkey/management'
import { createPgliteKeyStore, createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import * as oauth from 'fastify-latchkey/oauth'
import * as oauthRedis from 'fastify-latchkey/oauth/redis'
import { webhooks } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { PGlite } from '@electric-sql/pglite'
import { Cluster, Redis } from 'ioredis'
import pg from 'pg'
import { scopes } from './augment.js'

export const rooms: object[] = [oauth, oauthRedis]
const redis = new Redis('redis://localhost', { lazyConnect: true })
const cluster = new Cluster([], { lazyConnect: true })
const pool = new pg.Pool({ connectionString: 'postgres://localhost/app' })
export const keyStores = [createPostgresKeyStore({ pool }), createPgliteKeyStore({ db: new PGlite() }), createRedisKeyStore({ redis: cluster })]

const app = Fastify()
await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store: createPostgresKeyStore({ connectionString: 'postgres://localhost/app' }) }, limits: { store: createRedisLimitStore({ redis }) } })
await app.register(keyRoutes, { prefix: '/api-keys' })
await app.register(webhooks, { store: createPostgresWebhookStore({ pool }), engine: createBullmqEngine({ connection: { host: 'localhost' } }) })
await app.register(webhooks, { store: createRedisWebhookStore({ redis: cluster }) })
await app.register(webhookRoutes, { prefix: '/webhooks' })
export const { secret } = await app.latchkey.webhooks.create('w1', { url: 'https://example.com/', events: ['key.expiring'] })
// @ts-expect-error unknown event
await app.latchkey.webhooks.create('w1', { url: 'https://example.com/', events: ['key.lost'] })
app.latchkey.events.on('key.expiring', ({ data }) => data.threshold + 1)
app.latchkey.events.on('*', (event: AccessEvent) => event.id)
