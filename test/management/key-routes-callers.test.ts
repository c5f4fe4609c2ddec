import type { Principal } from 'fastify-latchkey'
import { keyRoutes, type KeyRoutesOptions } from 'fastify-latchkey/management'
import { testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keyApi, person } from '../helpers/key-routes.js'
import { refused } from '../helpers/limits.js'

const DAY = 86_400
const exceeds = { status: 403, code: 'KEY_EXCEEDS_CALLER' }

/** One caller, in each way that it may come: by a key, by an access token, as a person in a session. */
async function callers (t: Test, who: Partial<Principal>, routes: KeyRoutesOptions = {}) {
  const low = { workspace: 'w1', environment: 'production', owner: 'low', tier: 'free', scopes: ['devices:manage', 'api_keys:manage'], ...who }
  const tokens = testPrincipals({ kind: 'access-token', scheme: 'oauth' })
  const { app, clock, send } = await keyApi(t, {
    routes,
    latchkey: { resolvers: [tokens.resolver] },
    more: (app) => { app.register(keyRoutes, { prefix: '/settings', ...routes, session: () => person(low) }) }
  })
  const { secret } = await app.latchkey.keys.issue(low)
  const ways = {
    key: (request: string, payload: object) => send({ secret }, request, payload),
    token (request: string, payload: object) {
      const [method = '', url = ''] = request.split(' ')
      return tokens.inject(app, low, Object.assign({ url, payload }, { method }))
    },
    person: (request: string, payload: object) => send(null, request.replace('/api-keys', '/settings'), payload)
  }
  return { keys: app.latchkey.keys, clock, ways: Object.entries(ways) }
}

t.test('who may manage keys gets neither the owner nor the tier of another, whoever it is', async (t) => {
  const { keys, ways } = await callers(t, {})
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [way, send] of ways) {
    const { key } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'], owner: 'boss', tier: 'enterprise' })
    for (const [request, payload] of [[`POST /api-keys/${key.id}/rotate`, {}], [`PATCH /api-keys/${key.id}`, { scopes: ['devices:write'] }], [`PATCH /api-keys/${key.id}`, { scopes: ['devices:manage'], name: 'n' }]] as const) {
      const body = refused(t, await send(request, payload), exceeds)
      patterns.add(body, { detail: 'The key has owner boss, tier enterprise; the credential that manages it has owner low, tier free.', exceeds: ['owner', 'tier'] }, `${way} ${request}`)
    }
    rounds.add(await keys.get('w1', key.id), key)
    patterns.add((await send('POST /api-keys', { scopes: ['devices:read'] })).json(), { key: { owner: 'low', tier: 'free' } })
    patterns.add((await send(`PATCH /api-keys/${key.id}`, { scopes: [] })).json(), { key: { scopes: [], version: 2 } }, 'to take away is allowed')
    patterns.add((await send(`POST /api-keys/${key.id}/revoke`, {})).json(), { key: { status: 'revoked' } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('what a caller that ends makes ends with it: 403 for a key without an end, a later one, and a rotation of one', async (t) => {
  const expiresAt = new Date(Date.UTC(2026, 0, 1, 0, 5))
  const { keys, ways } = await callers(t, { expiresAt })
  const lasting = (await keys.issue({ workspace: 'w1', scopes: [], owner: 'low', tier: 'free' })).key
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [way, send] of ways) {
    const { key } = (await send('POST /api-keys', { scopes: [], expiresAt: expiresAt.toISOString() })).json()
    rounds.add(key.expiresAt, expiresAt.toISOString(), way)
    for (const [request, payload, end] of [
      ['POST /api-keys', { scopes: [] }, 'none'],
      ['POST /api-keys', { scopes: [], expiresAt: '2026-01-01T00:05:00.001Z' }, '2026-01-01T00:05:00.001Z'],
      [`PATCH /api-keys/${key.id}`, { expiresAt: null }, 'none'],
      [`PATCH /api-keys/${key.id}`, { expiresAt: '2026-01-01T00:06:00Z' }, '2026-01-01T00:06:00.000Z'],
      [`POST /api-keys/${lasting.id}/rotate`, { grace: 5 }, 'none']
    ] as const) {
      const body = refused(t, await send(request, payload), exceeds)
      patterns.add(body, { detail: `The key has expiresAt ${end}; the credential that manages it has expiresAt ${expiresAt.toISOString()}.`, exceeds: ['expiresAt'] }, `${way} ${request}`)
    }
    rounds.add((await send(`POST /api-keys/${key.id}/rotate`, {})).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a host lets keys exceed their callers in fields that it names', async (t) => {
  const { keys, ways } = await callers(t, { expiresAt: new Date(Date.UTC(2026, 0, 1) + DAY * 1000) }, { mayExceed: ['owner', 'tier', 'expiresAt'] })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [way, send] of ways) {
    const { key } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'], owner: 'boss', tier: 'enterprise' })
    patterns.add((await send(`POST /api-keys/${key.id}/rotate`, {})).json(), { key: { owner: 'boss', version: 2 } }, way)
    patterns.add((await send(`PATCH /api-keys/${key.id}`, { scopes: ['devices:manage'] })).json(), { key: { owner: 'boss', version: 3 } })
    rounds.add((await send('POST /api-keys', { scopes: [] })).json().key.expiresAt, undefined)
    refused(t, await send('POST /api-keys', { scopes: ['reports:read'] }), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="reports:read"' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})
