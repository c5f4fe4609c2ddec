import latchkey, { AccessError, allowPlainHttp } from 'fastify-latchkey'
import { createMemoryKeyStore, createProcessChanges, createSecretFormat, hashSecret, loadKey, type ApiKey, type Keys } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import Fastify from 'fastify'
import t from 'tap'
import { createSecrets } from '../../lib/keys/import/secrets.js'
import { createKeyResolver } from '../../lib/keys/verification/resolver.js'
import { createStartGrace } from '../../lib/keys/verification/rotation-grace.js'
import { collectRounds } from '../helpers/collect.js'
import { scopes } from '../helpers/limits.js'
import { lookup } from '../helpers/lookup.js'
import { gate, record, slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const format = createSecretFormat('acme', ['live', 'test'])
const [OLD, NEW] = [format.generate('live'), format.generate('live')]
const createdAt = new Date(Date.UTC(2026, 0, 1))
const ROTATED = 'The API key was rotated; this is an earlier secret of it.'

/** A key that was rotated: the earlier secret retires at an instant, or waits for the first use of the new one. */
async function rotated (earlier: { retiresAt: Date } | { graceAfterFirstUse: number }) {
  const store = createMemoryKeyStore()
  await store.insert(record(), hashSecret(OLD))
  const key: ApiKey = record({ version: 2, secrets: [{ generation: 1, hint: 'abcd', createdAt, ...earlier }, { generation: 2, hint: 'efgh', createdAt }] })
  t.equal(await store.update(key, hashSecret(NEW)), true)
  return { store, key }
}

t.test('a caller reads when its secret stops working, and only the caller with that secret', async (t) => {
  const { store } = await rotated({ retiresAt: new Date(Date.UTC(2026, 0, 1, 12)) })
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const clock = fakeClock()
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, transport: allowPlainHttp, clock: clock.now, hook })
    app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.scopes)
    app.get('/open', { schema: { security: [] } }, async () => 'open')
    const ask = (secret: string, url = '/') => app.inject({ url, headers: { authorization: `Bearer ${secret}` } })

    const response = await ask(OLD)
    rounds.add(response.statusCode, 200)
    rounds.add(response.json(), ['devices:read'])
    rounds.add(response.headers['api-key-retires'], 'Thu, 01 Jan 2026 12:00:00 GMT')
    patterns.add(await ask(NEW), { statusCode: 200, headers: { 'api-key-retires': undefined } })
    patterns.add(await ask(OLD, '/open'), { statusCode: 200, headers: { 'api-key-retires': undefined } })
    clock.advance(12 * 3600)
    patterns.add(await ask(OLD), { statusCode: 401, headers: { 'api-key-retires': undefined } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

function graceStarter (beginGrace: Keys['beginGrace']) {
  const logged: string[] = []
  const clock = fakeClock()
  const startGrace = createStartGrace({ beginGrace, clock: clock.now, log: (reason, message) => logged.push(`${message}: ${reason}`), inform: (message) => logged.push(message) })
  return { logged, startGrace, clock }
}

const tick = () => new Promise((resolve) => setImmediate(resolve))

t.test('the first use of a new secret starts the grace period of the earlier one, and no request waits for it', async (t) => {
  const { store, key } = await rotated({ graceAfterFirstUse: 60 })
  const started: unknown[] = []
  const written = gate()
  const { startGrace, logged } = graceStarter(async (...args) => {
    started.push(args)
    await written.opened
    const [old, ...others] = key.secrets
    if (old !== undefined) await store.update({ ...key, secrets: [{ ...old, retiresAt: new Date(createdAt.getTime() + 60_000) }, ...others], version: 3 })
  })
  const resolver = createKeyResolver({ secrets: createSecrets(format, []), store, startGrace })
  const resolve = (secret: string, now = createdAt.getTime()) => resolver.resolve(secret, now, lookup({ clock: () => now }))
  t.match(resolve(OLD), { version: 2 })
  t.same(started, [], 'a use of the earlier secret starts nothing')
  const patterns = collectRounds()
  for (let n = 0; n < 10; n++) patterns.add(resolve(NEW), { version: 2 })
  t.match(patterns.seen, patterns.expected)
  await tick()
  t.same(started, [['w1', 'key_1', 2]], 'once, while it is under way')
  written.open()
  await tick()
  t.match(resolve(OLD), { secretRetiresAt: new Date(createdAt.getTime() + 60_000), version: 3 })
  resolve(NEW)
  await tick()
  t.equal(started.length, 1, 'a period that has started does not start again')
  const after = createdAt.getTime() + 60_000
  t.throws(() => resolve(OLD, after), { name: 'InvalidCredential', detail: ROTATED })
  t.match(resolve(NEW, after), { version: 3 })
  t.same(logged, [])
})

t.test('a clock that throws while a grace period can\'t start is no unhandled rejection, and the next use tries again', async (t) => {
  const { key } = await rotated({ graceAfterFirstUse: 60 })
  let tries = 0
  let broken = true
  const logged: string[] = []
  const clock = () => {
    if (broken) throw new Error('no time')
    return 0
  }
  async function beginGrace (): Promise<void> {
    tries++
    if (broken) throw new Error('down')
  }
  const say = (line: string) => { logged.push(line) }
  const startGrace = createStartGrace({ beginGrace, clock, log: (_reason, line) => say(line), inform: say })
  const loaded = loadKey(key, 2)
  startGrace(loaded)
  for (let n = 0; n < 4; n++) await tick()
  broken = false
  startGrace(loaded)
  for (let n = 0; n < 4; n++) await tick()
  t.equal(tries, 2)
  t.strictSame(logged, ['grace periods of secrets could not start; later uses try again', 'grace periods of secrets start again'])
})

t.test('while grace periods can\'t start, one use at a time tries again, ever more rarely; it is logged when that begins and when it is over', async (t) => {
  const { key } = await rotated({ graceAfterFirstUse: 60 })
  let tries = 0
  let down = true
  const { startGrace, logged, clock } = graceStarter(async () => {
    tries++
    await tick()
    if (down) throw new Error('UPDATE secret-argument')
  })
  const other = loadKey({ ...key, id: 'key_2' }, 2)
  /** 500 requests with two keys. */
  async function use (): Promise<number> {
    const before = tries
    for (let n = 0; n < 250; n++) for (const loaded of [loadKey(key, 2), other]) startGrace(loaded)
    for (let n = 0; n < 4; n++) await tick()
    for (let n = 0; n < 500; n++) startGrace(other)
    return tries - before
  }
  t.equal(await use(), 2, 'each key once, before it is known to fail')
  const pauses = []
  for (let i = 0; i < 9; i++) {
    let waited = 0
    while (await use() === 0) { clock.advance(0.1); waited += 100 }
    pauses.push(waited)
  }
  t.same(pauses, [200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000], 'one attempt after each pause')
  t.same(logged, ['grace periods of secrets could not start; later uses try again: Error'])
  down = false
  clock.advance(-60)
  t.equal(await use(), 2, 'a clock that steps back prolongs no pause; once one has started, the others do')
  t.same(logged.slice(1), ['grace periods of secrets start again'])
})

t.test('a key that was deleted meanwhile is no fault', async (t) => {
  const { key } = await rotated({ graceAfterFirstUse: 60 })
  const { startGrace, logged } = graceStarter(async () => { throw new AccessError('KEY_NOT_FOUND') })
  startGrace(loadKey(key, 2))
  await tick()
  t.same(logged, [])
})

t.test('over HTTP: the earlier secret stays until the grace period that the first use of the new one started is over', async (t) => {
  const clock = fakeClock()
  const app = Fastify()
  t.teardown(() => app.close())
  const keys = { prefix: 'acme', store: slowStore(), cache: { changes: createProcessChanges() } }
  await app.register(latchkey, { scopes, environment: 'production', keys, transport: allowPlainHttp, clock: clock.now, failures: false })
  app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
  const ask = (secret: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
  const issued = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  const rotated = await app.latchkey.keys.rotate('w1', issued.key.id, { grace: 60, graceFrom: 'first-use' })
  clock.advance(1000)
  t.match(await ask(issued.secret), { statusCode: 200, headers: { 'api-key-retires': undefined } }, 'no use yet, no end')
  t.match(await ask(rotated.secret), { statusCode: 200 })
  await until(async () => (await app.latchkey.keys.get('w1', issued.key.id)).version === 3)
  t.match(await ask(issued.secret), { statusCode: 200, headers: { 'api-key-retires': new Date(clock.now() + 60_000).toUTCString() } })
  clock.advance(60)
  t.match(await ask(issued.secret), { statusCode: 401 })
  t.match(await ask(rotated.secret), { statusCode: 200 })
  t.equal((await app.latchkey.keys.get('w1', issued.key.id)).version, 3, 'it started once')
})
