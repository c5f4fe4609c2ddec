import { compilePolicy } from 'fastify-latchkey/limits'
import { LimitStoreUnavailable } from 'fastify-latchkey/limits/redis'
import t, { type Test } from 'tap'
import { createRedisKeys } from '../../lib/limits/redis/redis-keys.js'
import { principal } from '../helpers/limits.js'
import { startProxy } from '../helpers/proxy.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import { until } from '../helpers/until.js'

const take = { policies: [compilePolicy({ name: 'p', quota: 8, window: 60 })], principal: principal('ada'), cost: 1, now: 0 }

const nameOf = createRedisKeys('latchkey').claim

/** That a claim is not answered, and what the error says of it. */
async function unanswered (t: Test, claim: Promise<boolean>, reason: string): Promise<void> {
  const fault = await claim.then(() => undefined, (fault: unknown) => fault)
  t.ok(fault instanceof LimitStoreUnavailable && fault.retryAfter >= 1)
  t.match(fault, { message: `the limit store is unavailable: ${reason}` })
}

t.test('of all that ask for a name one has it, until its time is over', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  const stores = [1, 2, 3].map(() => redisStore(t, { url: server.url, deadline: 5, namespace: 'x' }))
  await Promise.all(stores.map((store) => store.ready()))
  const ask = async (name: string) => (await Promise.all(stores.flatMap((store) => [1, 2].map(() => store.claim(name, 59.9994))))).filter(Boolean).length
  for (const name of ['a', '', '\ud800', '\ud801', '{a}', 'x'.repeat(100_000)]) t.same([await ask(name), await ask(name)], [1, 0], name.slice(0, 10))
  const held = async () => (await admin.keys('*:claim')).filter((key) => !key.includes('{!check}'))
  const keys = await held()
  t.equal(keys.length, 6)
  for (const key of keys) {
    t.match(key, /^x:\{![\w-]{43}\}:claim$/)
    const left = await admin.pttl(key)
    t.ok(left > 50_000 && left <= 60_000, `${left} ms`)
  }
  await Promise.all(keys.map((key) => admin.pexpire(key, 1)))
  await until(async () => (await held()).length === 0, 'the claims are over')
  t.same([await ask('a'), await ask('a')], [1, 0])
  const elsewhere = redisStore(t, { url: server.url, deadline: 5, namespace: 'y' })
  await elsewhere.ready()
  t.equal(await elsewhere.claim('a', 60), true, 'another namespace has claims of its own')
})

t.test('a claim that was taken without a word is still of who asked for it', async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const admin = server.client()
  const store = redisStore(t, { url: `redis://127.0.0.1:${proxy.port}`, deadline: 0.4 })
  const other = redisStore(t, { url: server.url, deadline: 5 })
  await Promise.all([store.ready(), other.ready()])
  proxy.manner = 'slow'
  await unanswered(t, store.claim('a', 60), 'DeadlineExceeded')
  await until(async () => await admin.exists(nameOf('a')) === 1, 'it is taken')
  t.equal(await other.claim('a', 60), false)
  proxy.manner = 'pass'
  let ours: boolean | undefined
  await until(async () => {
    ours = await store.claim('a', 60).catch(() => undefined)
    return ours !== undefined
  }, 'it is answered')
  t.equal(ours, true)
  t.equal(await store.claim('a', 60), false, 'once')
})

t.test('claims neither wait for Redis nor find out whether it works, nor do they make it seem broken', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  const store = redisStore(t, { url: server.url, deadline: 0.4 })
  await unanswered(t, store.claim('a', 60), 'Redis is not asked')
  await store.ready()
  t.equal(await store.claim('a', 60), true)
  await admin.del(nameOf('a'))
  await admin.hset(nameOf('a'), 'a', 'b')
  for (let i = 0; i < 5; i++) await unanswered(t, store.claim('a', 60), 'WRONGTYPE')
  t.equal((await store.take(take)).admitted, true)
  server.freeze()
  for (let i = 0; i < 3; i++) await t.rejects(async () => store.take(take), LimitStoreUnavailable)
  await unanswered(t, store.claim('b', 60), 'Redis is not asked')
  server.thaw()
  await until(() => store.inspect(take.principal, []).then(() => true, () => false), 'takes are decided again')
  t.equal(await store.claim('b', 60), true)
  await server.kill()
  await until(() => store.claim('c', 60).then(() => false, (fault: unknown) => String(fault).includes('not asked')), 'the loss is felt')
})

t.test('claims that are not answered are bounded', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url, deadline: 0.2, connection: { socketTimeout: 60_000 } })
  await store.ready()
  for (const round of ['first', 'second']) {
    server.freeze()
    const asked = Array.from({ length: 1_000 }, (_, i) => store.claim(`${round} ${i}`, 60))
    await unanswered(t, store.claim('one more', 60), 'too many wait')
    const settled = await Promise.allSettled(asked)
    t.equal(settled.filter(({ status }) => status === 'rejected').length, 1_000)
    server.thaw()
    await until(() => store.claim(`${round} more`, 60).catch(() => false), 'it is asked again')
  }
  t.equal(await store.claim('first 0', 60), false, 'more of them than are remembered')
  t.equal(await store.claim('second 999', 60), true)
})

t.test('on a Cluster', async (t) => {
  const redis = await startPrimaries(t)
  const stores = [1, 2].map(() => redisStore(t, { redis, deadline: 10 }))
  await Promise.all(stores.map((store) => store.ready()))
  for (let i = 0; i < 30; i++) t.equal((await Promise.all(stores.map((store) => store.claim(`name ${i}`, 60)))).filter(Boolean).length, 1)
})
