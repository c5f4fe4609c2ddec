import Fastify from 'fastify'
import { allowPlainHttp, latchkey, type LatchkeyOptions } from 'fastify-latchkey'
import { auditEntryOf, type AccessEvent } from 'fastify-latchkey/events'
import { createMemoryUsageStore } from 'fastify-latchkey/usage'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keepLines } from '../helpers/doors.js'
import { isSubscribed } from '../../lib/webhooks/endpoint.js'
import { payloadOf } from '../../lib/webhooks/payload.js'
import { createUsageEvents } from '../../lib/usage/usage-events.js'
import { batch, count } from '../../lib/testing/usage-store-drafts.js'
import { endpoint } from '../../lib/testing/webhook-store-drafts.js'
import { collectingEmitter, settled } from '../helpers/events.js'
import { scopes, untyped } from '../helpers/limits.js'

const environment = 'production'

/** An app that counts, and a key that may read devices. */
async function counted (t: Test, options: Partial<LatchkeyOptions> = {}) {
  const log = keepLines()
  const clock = fakeClock()
  const store = createMemoryUsageStore()
  const app = Fastify({ logger: { level: 'info', stream: log.stream } })
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment, keys: { prefix: 'acme' }, limits: false, transport: allowPlainHttp, clock: clock.now, usage: { store }, ...options })
  app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
  const issue = async (more = {}) => await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], ...more })
  const send = async (secret: string) => (await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode
  return { app, clock, store, log, issue, send }
}

t.test('a key of another environment, and one that was revoked meanwhile, are refused and counted where the key is known', async (t) => {
  const { app, issue, send } = await counted(t)
  const [live, test] = [await issue(), await issue({ environment: 'sandbox' })]
  t.strictSame([await send(live.secret), await send(test.secret), await send('acme_live_unknown')], [200, 403, 401])
  await app.latchkey.keys.revoke('w1', live.key.id)
  t.equal(await send(live.secret), 401)
  await app.latchkey.usage.flush()
  const { of } = app.latchkey.usage
  t.match((await of('w1', live.key.id, { environment })).buckets, [{ admitted: 1, refused: {} }])
  t.match((await of('w1', test.key.id, { environment: 'sandbox' })).buckets, [{ admitted: 0, limited: 0, refused: { WRONG_ENVIRONMENT: 1 } }])
})

t.test('an app that closes writes what it has counted', async (t) => {
  const { app, store, issue, send, clock } = await counted(t)
  const { key, secret } = await issue()
  await send(secret)
  await app.close()
  const from = clock.now()
  t.strictSame(await store.read({ workspace: 'w1', environment, keyIds: [key.id], from, to: from + 3_600_000, by: 'hour' }),
    [{ keyId: key.id, at: from, outcome: 'ADMITTED', requests: 1 }])
})

t.test('without a store the counts live in memory, which is said once', async (t) => {
  const { app, issue, send, log } = await counted(t, { usage: {} })
  const { key, secret } = await issue()
  await send(secret)
  await app.latchkey.usage.flush()
  t.match((await app.latchkey.usage.of('w1', key.id, { environment })).buckets, [{ admitted: 1 }])
  t.equal(log.entries.filter(({ msg }) => String(msg).startsWith('usage.store is left out')).length, 1)
})

t.test('a store that can never work keeps the server from starting, and an outage is logged', async (t) => {
  const never = { ...createMemoryUsageStore(), ready: async () => { throw new Error('later release') } }
  const { app } = await counted(t, { usage: { store: never } })
  await t.rejects(async () => await app.ready(), { message: 'later release' })
  let down = true
  const memory = createMemoryUsageStore()
  const outage = await counted(t, { usage: { store: { ...memory, add: (batch) => { if (down) throw new Error('down'); return memory.add(batch) } } } })
  const { secret } = await outage.issue()
  await outage.send(secret)
  t.equal(await outage.app.latchkey.usage.flush(), false)
  down = false
  t.equal(await outage.app.latchkey.usage.flush(), true)
  t.match(outage.log.entries.filter(({ msg }) => String(msg).startsWith('counts of requests are')), [
    { level: 50, msg: 'counts of requests are not written; they wait for the next attempt', reason: 'Error' },
    { level: 30, msg: 'counts of requests are written again' }
  ])
})

t.test('what can\'t be asked for is refused, and what no store could have is not asked for', async (t) => {
  const { app } = await counted(t)
  const { of, ofWorkspace } = app.latchkey.usage
  const refused = { code: 'KEY_INPUT_INVALID', statusCode: 400 }
  const asked = [of('w\0', 'key', { environment }), ofWorkspace('w1', { environment: '' }), of('w1', 'key', { environment, from: new Date(NaN) })]
  t.match(await Promise.all(asked.map(rejection)), [refused, refused, refused])
  t.strictSame((await of('w1', 'key\0', { environment })).buckets, [])
})

t.test('options that do not fit, and usage without stored keys, are refused at boot', async (t) => {
  const patterns = collectRounds()
  for (const [options, message] of [
    [{ usage: { interval: 0 } }, /option usage\.interval must be seconds from 1 to 3600, not 0/],
    [{ usage: { retention: 60 } }, /option usage\.retention must be seconds from 3600/],
    [{ usage: { store: {} } }, /option usage\.store must be a usage store/],
    [{ usage: { every: 5 } }, /unknown option usage\.every; known here: store, interval, retention/],
    [{ usage: {}, keys: false, resolvers: [testPrincipals().resolver] }, /option usage counts requests of stored keys, and option keys is false; leave usage out/]
  ] as const) {
    patterns.add(await rejection(counted(t, untyped(options))), { name: 'OptionError', message })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('usage.counted says what was added, by workspace and environment, to those who name it and to durable listeners', async (t) => {
  const { app, issue, send } = await counted(t, { environment: ['production', 'sandbox'] })
  const [one, two, sandbox, other] = [await issue(), await issue({ scopes: [] }), await issue({ environment: 'sandbox' }), await issue({ workspace: 'w2' })]
  await settled()
  await send(one.secret)
  t.equal(await app.latchkey.usage.flush(), true, 'nobody listens')
  const [named, all]: AccessEvent[][] = [[], []]
  app.latchkey.events.on('usage.counted', (event) => named?.push(event))
  app.latchkey.events.on('*', (event) => all?.push(event))
  for (const { secret } of [one, one, two, sandbox, other]) await send(secret)
  await app.latchkey.usage.flush()
  await settled()
  const at = '2026-01-01T00:00:00.000Z'
  t.match(named, [
    { workspace: 'w1', at: new Date(at), data: { environment: 'production', keys: [{ id: one.key.id, at, admitted: 2, limited: 0, refused: {} }, { id: two.key.id, at, admitted: 0, limited: 0, refused: { INSUFFICIENT_SCOPE: 1 } }] } },
    { workspace: 'w1', data: { environment: 'sandbox', keys: [{ id: sandbox.key.id, admitted: 1 }] } },
    { workspace: 'w2', data: { environment: 'production', keys: [{ id: other.key.id, admitted: 1 }] } }
  ])
  t.equal(new Set(named?.map(({ id }) => id)).size, 3)
  t.strictSame(all, [])
  t.match(named?.map(auditEntryOf)[2], { what: 'usage.counted', of: 'w2', more: { environment: 'production' } })
})

t.test('counts of many keys are several events, which webhooks can carry, and an endpoint must subscribe to them', async (t) => {
  const emitter = collectingEmitter()
  const ids = Array.from({ length: 201 }, (_, i) => `${'€'.repeat(i)}${i}`)
  createUsageEvents(emitter)(batch(ids.map((keyId) => count('w1', 0, { keyId }))))
  const { emitted } = emitter
  t.strictSame(emitted.flatMap(({ data }) => 'keys' in data ? data.keys.map(({ id }) => id) : []), ids)
  t.strictSame(emitted.map((event) => typeof payloadOf(event)), ['string', 'string', 'string', 'string', 'string'])
  t.equal(new Set(emitted.map(({ id }) => id)).size, emitted.length)
  const subscribers = [[], ['key.issued'], ['usage.counted']] as const
  t.strictSame(subscribers.map((events) => isSubscribed(endpoint('w1', { events }), 'usage.counted')), [false, false, true])
})
