import latchkey, { allowPlainHttp } from 'fastify-latchkey'
import { createSecretFormat, createMemoryKeyStore, createProcessChanges, hashSecret, loadKey, type ApiKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import Fastify from 'fastify'
import t from 'tap'
import { createKeyResolver } from '../../lib/keys/verification/resolver.js'
import { createFirstUse, type BeginGrace } from '../../lib/keys/verification/rotation-grace.js'
import { scopes, untyped } from '../helpers/limits.js'
import { gate, record, slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const text = createSecretFormat('acme', ['live', 'test'])
const [OLD, NEW] = [text.generate('live'), text.generate('live')]
const createdAt = new Date(Date.UTC(2026, 0, 1))

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
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const clock = fakeClock()
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, transport: allowPlainHttp, clock: clock.now, hook })
    app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.scopes)
    app.get('/open', { schema: scopes.public() }, async () => 'open')
    const ask = (key: string, url = '/') => app.inject({ url, headers: { authorization: `Bearer ${key}` } })

    const response = await ask(OLD)
    t.equal(response.statusCode, 200)
    t.same(response.json(), ['devices:read'])
    t.equal(response.headers['api-key-retires'], 'Thu, 01 Jan 2026 12:00:00 GMT')
    t.match(await ask(NEW), { statusCode: 200, headers: { 'api-key-retires': undefined } })
    t.match(await ask(OLD, '/open'), { statusCode: 200, headers: { 'api-key-retires': undefined } })
    clock.advance(12 * 3600)
    t.match(await ask(OLD), { statusCode: 401, headers: { 'api-key-retires': undefined } })
  }
})

function firstUse (beginGrace: BeginGrace) {
  const said: string[] = []
  return { said, use: createFirstUse(beginGrace, (reason, message) => said.push(`${message}: ${reason}`)) }
}

const tick = () => new Promise((resolve) => setImmediate(resolve))

t.test('the first use of a new secret begins the grace of the earlier one, and no request waits for it', async (t) => {
  const { store, key } = await rotated({ graceAfterFirstUse: 60 })
  const begun: unknown[] = []
  const written = gate()
  const { use, said } = firstUse(async (...args) => {
    begun.push(args)
    await written.opened
    const [old, ...others] = key.secrets
    if (old !== undefined) await store.update({ ...key, secrets: [{ ...old, retiresAt: new Date(createdAt.getTime() + 60_000) }, ...others], version: 3 })
  })
  const resolver = createKeyResolver(text, store, { onUse: use })
  const now = createdAt.getTime()
  t.match(resolver.resolve(OLD, now), { version: 2 })
  t.same(begun, [], 'a use of the earlier secret begins nothing')
  t.match(resolver.resolve(NEW, now), { version: 2 })
  t.same(begun, [], 'not on the path of the request')
  for (let n = 0; n < 10; n++) resolver.resolve(NEW, now)
  await tick()
  t.same(begun, [['w1', 'key_1', 2]], 'once')
  resolver.resolve(NEW, now)
  await tick()
  t.equal(begun.length, 1, 'and not while it is under way')
  written.open()
  await tick()
  t.match(resolver.resolve(OLD, now), { secretRetiresAt: new Date(now + 60_000), version: 3 })
  resolver.resolve(NEW, now)
  await tick()
  t.equal(begun.length, 1, 'what has begun does not begin again')
  t.throws(() => resolver.resolve(OLD, now + 60_000), { name: 'InvalidCredential', detail: 'The API key was rotated; this is an earlier secret of it.' })
  t.match(resolver.resolve(NEW, now + 60_000), { version: 3 })
  t.same(said, [])
})

t.test('a grace that can\'t begin is logged without the store\'s words, and the next use tries again', async (t) => {
  const { key } = await rotated({ graceAfterFirstUse: 60 })
  let tried = 0
  const faults = [() => { throw new Error('UPDATE secret-argument') }, async () => { throw untyped<Error>('secret-argument') }]
  const { use, said } = firstUse(() => faults[tried++]?.())
  for (const n of [1, 2, 3]) {
    use(loadKey(key, 2))
    await tick()
    t.equal(tried, n)
  }
  t.same(said, [
    'the grace of a rotated secret of key_1 could not begin; the next use tries again: Error',
    'the grace of a rotated secret of key_1 could not begin; the next use tries again: a thrown string'
  ])
})

t.test('over HTTP: the earlier secret stays until the grace that the new one\'s first use began has passed', async (t) => {
  const clock = fakeClock()
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store: slowStore(), cache: { changes: createProcessChanges() } }, transport: allowPlainHttp, clock: clock.now, failures: false })
  app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in')
  const ask = (key: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${key}` } })
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
  t.equal((await app.latchkey.keys.get('w1', issued.key.id)).version, 3, 'begun once')
})
