import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { compilePolicy } from 'fastify-latchkey/limits'
import { keyStoreConformance } from 'fastify-latchkey/testing'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { root } from '../helpers/child.js'
import { principal } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

const readme = await readFile(join(root, 'README.md'), 'utf8')

/** A Redis with an account that may do what the README lists below a heading, and nothing else. */
async function accountOf (t: Test, heading: string) {
  const [, below = ''] = readme.split(`\n### ${heading}\n`)
  const [, listed = '', keys = '', more = ''] = /`(\+\w+(?: \+\w+)+)`\s+on\s+`(~latchkey:\*)`; ioredis wants `(\+\w+)` too/.exec(below) ?? []
  const grants = [...listed.split(' '), more]
  const server = await startRedis(t)
  const admin = server.client()
  await admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>hunter2', keys, ...grants)
  const redis = new Redis({ host: '127.0.0.1', port: server.port, username: 'app', password: 'hunter2', maxRetriesPerRequest: null })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  return {
    redis,
    /** What was granted and never used. */
    async idle (): Promise<string[]> {
      const stats = await admin.info('commandstats')
      return grants.filter((grant) => !stats.includes(`cmdstat_${grant.slice(1)}:`))
    }
  }
}

t.test('the account that the README describes is enough for the key store, and has no right that it does not use', async (t) => {
  const { redis, idle } = await accountOf(t, 'Where keys live')
  const store = createRedisKeyStore({ redis })
  for (const { name, run } of keyStoreConformance()) {
    await t.test(name, async (t) => {
      await run(store)
      t.pass(name)
    })
  }
  t.same(await idle(), [])
})

t.test('so is the one for limits', async (t) => {
  const { redis, idle } = await accountOf(t, 'Several processes')
  const store = redisStore(t, { redis, deadline: 5 })
  await store.ready()
  const ada = principal('ada', { version: 1 })
  const minute = { name: 'minute', quota: 5, window: 60 }
  await store.take({ policies: [compilePolicy(minute), compilePolicy({ ...minute, name: 'all', partition: 'workspace' })], principal: ada, cost: 1, now: 0 })
  await store.publishVersion(ada, 1)
  await store.reset(ada, { workspace: true })
  t.equal((await store.inspect(ada, [minute])).versionMarker, 1)
  t.same(store.log.lines, [])
  t.same(await idle(), [])
})
