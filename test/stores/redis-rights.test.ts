import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRedisKeyStore } from 'fastify-latchkey/keys/redis'
import { compilePolicy } from 'fastify-latchkey/limits'
import { createRedisReplayStore } from 'fastify-latchkey/oauth/redis'
import { keyStoreConformance, usageStoreConformance, webhookStoreConformance } from 'fastify-latchkey/testing'
import { createRedisUsageStore } from 'fastify-latchkey/usage/redis'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { root } from '../helpers/child.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'

const page = await readFile(join(root, 'docs/deployment.md'), 'utf8')

/** A Redis with an account that has what the page lists for a store, and nothing else. */
async function accountOf (t: Test, store: string) {
  const [, keys = ''] = /^\| store \| commands on `(~.+)` \|$/m.exec(page) ?? []
  const [, listed = ''] = new RegExp(`^\\| ${store} \\| \`(.+)\` \\|$`, 'm').exec(page) ?? []
  const [, more = ''] = /^ioredis itself wants `(.+)`\.$/m.exec(page) ?? []
  const grants = [...listed.split(' '), more]
  const server = await startRedis(t)
  const admin = server.client()
  await admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>hunter2', keys, ...grants)
  const login = { username: 'app', password: 'hunter2' }
  const redis = new Redis({ host: '127.0.0.1', port: server.port, ...login, maxRetriesPerRequest: null })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  return {
    redis,
    /** What was granted and never used. */
    async unused (): Promise<string[]> {
      const stats = await admin.info('commandstats')
      return grants.filter((grant) => !stats.includes(`cmdstat_${grant.slice(1)}:`))
    }
  }
}

t.test('the account that docs/deployment.md lists is enough for the key store, and has no right that it does not use', async (t) => {
  const { redis, unused } = await accountOf(t, 'keys')
  const store = createRedisKeyStore({ redis })
  const rounds = collectRounds()
  for (const { name, run } of keyStoreConformance()) rounds.add(await rejection(run(store)), undefined, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.same(await unused(), [])
})

t.test('so is the one for webhooks', async (t) => {
  const { redis, unused } = await accountOf(t, 'webhooks')
  const store = createRedisWebhookStore({ redis })
  const rounds = collectRounds()
  for (const { name, run } of webhookStoreConformance()) rounds.add(await rejection(run(store)), undefined, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.same(await unused(), [])
})

t.test('so is the one for counts of requests', async (t) => {
  const { redis, unused } = await accountOf(t, 'usage')
  const store = createRedisUsageStore({ redis })
  const rounds = collectRounds()
  for (const { name, run } of usageStoreConformance()) rounds.add(await rejection(run(store)), undefined, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.same(await unused(), [])
})

t.test('so is the one for limits', async (t) => {
  const { redis, unused } = await accountOf(t, 'limits')
  const store = redisStore(t, { redis, deadline: 5 })
  await store.ready()
  const ada = principal('ada', { version: 1 })
  const minute = { name: 'minute', quota: 5, window: 60 }
  const policies = [compilePolicy(minute), compilePolicy({ ...minute, name: 'all', partition: 'workspace' })]
  await store.take({ policies, caller: ada, cost: 1, now: 0 })
  await store.publishVersion(ada, 1)
  await store.reset(ada, { workspace: true })
  t.equal((await store.inspect(ada, [minute])).versionMarker, 1)
  t.same(store.log.lines, [])
  t.same(await unused(), [])
})

t.test('so is the one for used DPoP proofs', async (t) => {
  const { redis, unused } = await accountOf(t, 'used DPoP proofs')
  const store = createRedisReplayStore({ redis })
  t.equal(await store.use('a proof', 60_000, 0, 'a holder'), true)
  t.equal(await store.use('a proof', 60_000, 0, 'a holder'), false)
  t.same(await unused(), [])
})
