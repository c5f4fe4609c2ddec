import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keepLines } from '../helpers/doors.js'
import { keyStore } from '../helpers/key-store.js'
import { refused, untyped } from '../helpers/limits.js'

const scopes = defineScopes({ resources: { devices: ['read'] } })

/** A route that says whether its handler ran, keys in this store, and all that is logged. */
async function watched (t: Test, store: KeyStore) {
  const log = keepLines()
  const clock = fakeClock()
  const app = Fastify({ logger: { level: 'trace', stream: log.stream } })
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, transport: allowPlainHttp, clock: clock.now, failures: false, limits: false, deadline: 0.02 })
  let ran = 0
  app.get('/devices', { schema: scopes.secure('devices:read') }, async () => { ran++; return {} })
  await app.ready()
  return { app, log, clock, ran: () => ran, ask: (text: string) => app.inject({ url: '/devices', headers: { authorization: `Bearer ${text}` } }) }
}

t.test('no outage of a store lets anybody through to the handler, and no secret is logged', async (t) => {
  const fault = new Error('SELECT secret-argument')
  const failing: Array<[string, Partial<KeyStore>]> = [
    ['cached throws', { cached () { throw fault } }],
    ['cached answers null', { cached: () => untyped(null) }],
    ['cached promises, which it must not', { cached: () => untyped(Promise.resolve(undefined)) }],
    ['findByHash throws', { cached: () => undefined, findByHash () { throw fault } }],
    ['findByHash rejects', { cached: () => undefined, findByHash: () => Promise.reject(fault) }],
    ['findByHash never settles', { cached: () => undefined, findByHash: () => new Promise<never>(() => {}) }]
  ]
  const rounds = collectRounds()
  for (const [what, replaced] of failing) {
    const { app, log, ran, ask } = await watched(t, { ...createMemoryKeyStore(), ...replaced })
    const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
    const response = await ask(secret)
    const { detail } = refused(t, response, { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    rounds.add(detail, 'Authentication is temporarily unavailable; retry after a short backoff.', what)
    rounds.add(ran(), 0, what)
    rounds.add(['secret-argument', secret, secret.slice(-49)].filter((one) => (response.body + log.text).includes(one)), [], what)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a store that comes back is asked again', async (t) => {
  const memory = createMemoryKeyStore()
  let down = true
  const { app, ran, ask } = await watched(t, keyStore({
    insert: memory.insert,
    async findByHash (hash) {
      if (down) throw new Error('down')
      return await memory.findByHash(hash)
    }
  }))
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  refused(t, await ask(secret), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  down = false
  t.equal((await ask(secret)).statusCode, 200)
  t.equal(ran(), 1)
})

t.test('a key without scopes is refused where one is needed, and the answer names it', async (t) => {
  const { app, ran, ask } = await watched(t, createMemoryKeyStore())
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const body = refused(t, await ask(secret), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
  t.match(body, { required: [['devices:read']], granted: [] })
  t.equal(ran(), 0)
})

t.test('no secret is ever logged: neither a good one nor one that is revoked, expired or mistyped', async (t) => {
  const { app, log, clock, ask } = await watched(t, createMemoryKeyStore())
  const issue = (expiresAt?: Date) => app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], expiresAt })
  const [good, revoked, expired] = [await issue(), await issue(), await issue(new Date(clock.now() + 1_000))]
  await app.latchkey.keys.revoke('w1', revoked.key.id)
  clock.advance(1)
  const mistyped = `${good.secret.slice(0, -1)}${good.secret.endsWith('0') ? '1' : '0'}`
  const texts = [good.secret, revoked.secret, expired.secret, mistyped]
  const statuses: number[] = []
  for (const text of texts) statuses.push((await ask(text)).statusCode)
  t.strictSame(statuses, [200, 401, 401, 401])
  t.same(texts.filter((text) => log.text.includes(text.slice(-49))), [])
  t.match(log.text, revoked.key.id, 'operators read which key it was')
})
