import { setTimeout as pause } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, principalOf, serverOptions } from 'fastify-latchkey'
import { keyRoutes } from 'fastify-latchkey/keys'
import { logger } from './base.js'

/**
 * Lives a key's whole life over HTTP, against a server of its own, and prints a line for each step. Ends with code 1
 * where an answer is not the one that was due:
 *
 *     node --conditions=fastify-latchkey-source --import tsx examples/key-life.ts
 */

const scopes = defineScopes({ resources: { devices: ['read', 'write'], api_keys: ['read', 'write', 'manage'] } })

/** Seconds that a rotated secret stays valid here; a day is usual. */
const GRACE = 2

async function serve (): Promise<FastifyInstance> {
  const app = Fastify(serverOptions({ logger }))
  await app.register(latchkey, {
    scopes,
    keys: { prefix: 'acme', recordUse: { interval: 0.2 } }, // once a minute by default
    environment: 'production',
    transport: allowPlainHttp
  })
  await app.register(keyRoutes, { prefix: '/api-keys', rotateEvery: 90 * 86_400 })
  app.get('/devices', { schema: scopes.secure('devices:read') }, (request) => [{ id: 'device_1', workspace: principalOf(request).workspace }])
  app.post('/devices', { schema: scopes.secure('devices:write') }, (request, reply) => { reply.code(201).send(request.body) })
  return app
}

interface View { readonly id: string, readonly rotateBy: string, readonly lastUsedAt?: string, readonly scopesUsedAt?: Readonly<Record<string, string>> }
interface Issued { readonly key: View, readonly text: string }
interface Answer<T> { readonly headers: Headers, readonly body: T }

async function live (url: string, manager: string): Promise<void> {
  /** @throws Error where the status is another one */
  async function ask<T = { detail: string }> (due: number, text: string, request: string, payload?: object): Promise<Answer<T>> {
    const [method = '', path = ''] = request.split(' ')
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${text}`, ...payload !== undefined && { 'content-type': 'application/json' } },
      ...payload !== undefined && { body: JSON.stringify(payload) }
    })
    if (response.status !== due) throw new Error(`${request}: ${due} was due, not ${response.status} ${await response.text()}`)
    return { headers: response.headers, body: JSON.parse(await response.text()) }
  }

  const { body: { key: { id, rotateBy }, text } } = await ask<Issued>(201, manager, 'POST /api-keys', { name: 'till', scopes: ['devices:read'] })
  tell('issued', `${id}, which may devices:read; rotate it by ${rotateBy}`)

  await ask(200, text, 'GET /devices')
  tell('used', 'GET /devices: 200')
  const { body: { detail } } = await ask(403, text, 'POST /devices', { name: 'Till 3' })
  tell('bounded', `POST /devices: 403, ${detail}`)

  const used = await lastUse(async () => (await ask<{ keys: readonly View[] }>(200, manager, 'GET /api-keys')).body.keys.find((key) => key.id === id))
  tell('listed', `last used at ${used.lastUsedAt}, for ${Object.keys(used.scopesUsedAt ?? {}).join(', ')}`)

  const { body: rotated } = await ask<Issued>(200, manager, `POST /api-keys/${id}/rotate`, { grace: GRACE })
  tell('rotated', `${rotated.key.id} has another secret; the one before works ${GRACE} s longer`)
  const { headers } = await ask(200, text, 'GET /devices')
  const retires = headers.get('api-key-retires')
  if (retires === null) throw new Error('the old secret was not told when it retires')
  tell('old secret', `GET /devices: 200, api-key-retires: ${retires}`)
  if ((await ask(200, rotated.text, 'GET /devices')).headers.has('api-key-retires')) throw new Error('the new secret does not retire')
  tell('new secret', 'GET /devices: 200')

  await pause(GRACE * 1000 + 100)
  tell('grace over', `the old secret: 401, ${(await ask(401, text, 'GET /devices')).body.detail}`)
  await ask(200, rotated.text, 'GET /devices')
  tell('new secret', 'GET /devices: 200')

  const { body: { holdsWithin } } = await ask<{ holdsWithin: number }>(200, manager, `POST /api-keys/${id}/revoke`, { reason: 'the till was sold' })
  tell('revoked', `holds everywhere within ${holdsWithin} s`)
  tell('refused', `the next request: 401, ${(await ask(401, rotated.text, 'GET /devices')).body.detail}`)
}

/** Uses are written beside requests, so the list knows of one a moment later. */
async function lastUse (find: () => Promise<View | undefined>): Promise<View> {
  for (let tries = 0; tries < 100; tries++) {
    const key = await find()
    if (key?.lastUsedAt !== undefined) return key
    await pause(100)
  }
  throw new Error('the use of the key was not noted')
}

function tell (step: string, what: string): void {
  console.log(`${step.padEnd(10)}  ${what}`)
}

const app = await serve()
try {
  const { text } = await app.keys.issue({ workspace: 'north', name: 'manager', scopes: ['devices:read', 'api_keys:manage'], tier: 'pro' })
  await live(await app.listen({ host: '127.0.0.1', port: 0 }), text)
} catch (fault) {
  console.error(fault instanceof Error ? fault.message : fault)
  process.exitCode = 1
} finally {
  await app.close()
}
