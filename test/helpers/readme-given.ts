/** What code of the pages takes for granted: the host's own parts, and an app that is guarded already. */
import { createHash } from 'node:crypto'
import fastifyAuth from '@fastify/auth'
import corsPlugin from '@fastify/cors'
import swaggerPlugin from '@fastify/swagger'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { defineScopes, latchkey, type Principal, type Resolver } from 'fastify-latchkey'
import type { AccessEvent, AuditEntry, EventType } from 'fastify-latchkey/events'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { Redis } from 'ioredis'
import { Webhook } from 'standardwebhooks'
import { newSecret } from '../../lib/webhooks/secret.js'

export { Type } from '@sinclair/typebox'
export { Fastify, corsPlugin as cors, swaggerPlugin as swagger }

export const scopes = defineScopes({
  resources: {
    devices: ['read', 'write', 'manage'],
    reports: ['export'],
    api_keys: ['read', 'write', 'manage'],
    webhooks: ['read', 'write', 'manage']
  }
})
export const store = createMemoryKeyStore()
export const options = { scopes, environment: 'production', keys: { prefix: 'acme', store } }
export const openapi = { openapi: '3.1.0', info: { title: 'Devices API', version: '1.0.0' } } as const

/** Of the days before those that the pages name. */
const clock = () => Date.UTC(2026, 0, 1)

export async function guardedApp () {
  const app = Fastify()
  await app.register(fastifyAuth)
  await app.register(latchkey, {
    ...options,
    keys: { prefix: 'acme', store: createMemoryKeyStore() },
    environment: ['production', 'sandbox'],
    limits: { profiles: { exports: [] } },
    clock
  })
  return app
}

export async function handler (_request: FastifyRequest, reply: FastifyReply) { reply.code(204) }
export const createDevice = handler
export async function verifySession () { throw new Error('nobody has a session') }
export async function userOf (_request: FastifyRequest): Promise<Principal | null> { return null }
export const regions = new Map<unknown, string>()
export async function membership (_owner: string, _workspace: string) { return { scopes: ['devices:read'] } }
export const partners = {
  async find (_token: string) { return { id: 'p_1', workspace: 'w_1', scopes: ['devices:read'] } }
}
export const partnerTokens: Resolver = {
  scheme: 'partner', kind: 'access-token', description: { type: 'http', scheme: 'bearer' }, resolve: () => undefined
}
export const secretsFoundInARepository = ['acme_live_none']
export const namesOfOldKeys = new Map([['a key of old', 'w_1']])
export const table = {
  async findByHash (_hash: string) {
    return { id: 1, company: 'w_1', user: 'u_1', mayWrite: false, revokedAt: new Date(0) }
  },
  async page (from: number, _limit: number) {
    const row = { id: 1, company: 'w_1', user: 'u_1', rights: 'read', label: 'CI', start: 'old_1', hash: sha256('old_1'), createdAt: new Date(0) }
    return from === 0 ? [row] : []
  }
}
export const apikeyRows = [{
  key: createHash('sha256').update('a'.repeat(64)).digest('base64url'),
  name: null,
  start: 'aaaaaa',
  userId: 'u_1',
  expiresAt: null,
  createdAt: new Date(0)
}]
export function workspaceOf (_userId: string) { return 'w_1' }
export function knownScopes (names: readonly string[]) { return scopes.names.filter((name) => names.includes(name)) }
export function sha256 (text: string) { return createHash('sha256').update(text).digest('hex') }

export function warnOwner<T extends EventType> (_workspace: string, _type: T, _data: AccessEvent<T>['data']) {}
export const queue = { async add (_event: AccessEvent) {} }
export const meter = { async add (_id: string, _count: object) {} }
export const auditLog = { write (_entry: AuditEntry) {} }

/** Never connects. */
export const redis = new Redis({ lazyConnect: true })

/** A test runner's, which ends the process where a test fails. */
export function test (_name: string, run: () => Promise<void>) { run() }

export const secret = newSecret()
export const body = JSON.stringify({ type: 'key.expired', timestamp: new Date().toISOString(), data: {} })
export const headers = {
  'webhook-id': 'evt_1',
  'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
  'webhook-signature': new Webhook(secret).sign('evt_1', new Date(), body)
}
