import { EventEmitter } from 'node:events'
import t from 'tap'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { changed, draft, newHash } from '../../lib/testing/key-store-drafts.js'
import { startRedis } from '../helpers/redis-server.js'

const server = await startRedis(t)
const redis = server.client()
const { notices } = createRedisKeyStore({ redis })
if (notices === undefined) throw new Error('no notices')
const due = async (now: number, lease = 10) => (await notices.due(now, lease, 5)).map(({ key }) => key.version)

/** A store of the same Redis that does something just before it writes a record. */
function pausing (work: () => Promise<unknown>) {
  const client = Object.assign(new EventEmitter(), {
    status: 'ready',
    connect: async () => {},
    async call (name: string, ...args: string[]) {
      if (args[0]?.includes("'change', 'version'")) await work()
      return await redis.call(name, ...args)
    }
  })
  return createRedisKeyStore({ redis: client })
}

t.test('a reader between the announcement of an update and the update itself tries again', async (t) => {
  const store = pausing(async () => t.same(await due(0), []))
  const key = draft('w1')
  await store.insert(key, newHash())
  t.same(await due(0), [])
  const [leased] = await notices.due(10_000, 10, 5)
  t.ok(leased && await notices.settle(leased, [], 1_000_000))

  t.equal(await store.update(changed(key)), true)
  t.same(await due(9_999), [])
  const [again] = await notices.due(10_000, 10, 5)
  t.equal(again?.key.version, 2)
  t.ok(again && await notices.settle(again, [], 20_005))

  const soon = pausing(async () => t.same(await due(20_001), [], 'it is due before the retry'))
  t.equal(await soon.update(changed(changed(key))), true)
  t.same(await due(20_004), [])
  t.same(await due(20_005), [3])
})

t.test('an announcement whose update was never written is removed', async (t) => {
  await redis.flushall()
  const store = pausing(async () => { throw new Error('gone') })
  await t.rejects(Promise.resolve(store.insert(draft('w1'), newHash())))
  t.same(await due(0), [])
  t.equal(await redis.zcard('latchkey:due'), 1)
  t.same(await due(10_000), [])
  t.equal(await redis.zcard('latchkey:due'), 0)
})
