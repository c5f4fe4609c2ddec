/** What code of the README takes for granted: the host's own parts, and an app that is guarded already. */
import fastifyAuth from '@fastify/auth'
import swaggerPlugin from '@fastify/swagger'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { defineScopes, latchkey } from 'fastify-latchkey'
import type { AccessEvent, AuditEntry, EventType } from 'fastify-latchkey/events'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { Webhook } from 'standardwebhooks'
import { newSecret } from '../../lib/webhooks/secret.js'

export { Type } from '@sinclair/typebox'
export { Fastify, swaggerPlugin as swagger }

export const scopes = defineScopes({
  resources: {
    devices: ['read', 'write', 'manage'],
    reports: ['export'],
    api_keys: ['read', 'write', 'manage'],
    webhooks: ['read', 'write', 'manage']
  }
})
export const options = { scopes, environment: 'production', keys: { prefix: 'acme' } }
export const store = createMemoryKeyStore()
export const openapi = { openapi: '3.1.0', info: { title: 'Devices API', version: '1.0.0' } } as const

/** Of the days before those that the README names. */
export async function guardedApp () {
  const app = Fastify()
  await app.register(fastifyAuth)
  await app.register(latchkey, { ...options, environment: ['production', 'sandbox'], limits: { profiles: { exports: [] } }, clock: () => Date.UTC(2026, 0, 1) })
  return app
}

export async function handler (_request: FastifyRequest, reply: FastifyReply) { reply.code(204) }
export const createDevice = handler
export async function verifySession () { throw new Error('nobody has a session') }
export const partners = { async find (_token: string) { return { id: 'p_1', workspace: 'w_1', scopes: ['devices:read'] } } }
export const textsFoundInARepository = ['acme_live_none']

export function tellOwner<T extends EventType> (_workspace: string, _type: T, _data: AccessEvent<T>['data']) {}
export const queue = { async add (_event: AccessEvent) {} }
export const auditLog = { write (_entry: AuditEntry) {} }

export const secret = newSecret()
export const body = JSON.stringify({ type: 'key.expired', timestamp: new Date().toISOString(), data: {} })
export const headers = {
  'webhook-id': 'evt_1',
  'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
  'webhook-signature': new Webhook(secret).sign('evt_1', new Date(), body)
}
