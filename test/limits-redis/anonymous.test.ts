import type { Profile } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { clusterSlot, createRedisKeys } from '../../lib/limits/redis/redis-keys.js'
import { collectRounds } from '../helpers/collect.js'
import { guarded, principal, refused, scopes } from '../helpers/limits.js'
import { startPrimaries } from '../helpers/redis-fleets.js'
import { startRedis } from '../helpers/redis-server.js'
import { redisStore } from '../helpers/redis-store.js'
import type { RedisLimitStoreOptions } from 'fastify-latchkey/limits/redis'

const quota = [{ name: 'minute', quota: 20, window: 3600 }]
const environments: Record<string, Profile> = { production: quota, sandbox: [] }

/** Two apps that share a Redis, as two processes do. */
async function pair (t: Test, options: RedisLimitStoreOptions) {
  return Promise.all([0, 1].map(async () => guarded(t, { limits: { store: redisStore(t, { deadline: 10, ...options }), environments, anonymous: quota } }, (app) => {
    app.get('/public', { schema: scopes.public() }, async () => 'in')
    app.get('/guarded', { schema: scopes.secure() }, async () => 'in')
  })))
}

async function countTogether (t: Test, options: RedisLimitStoreOptions): Promise<void> {
  const apps = await pair(t, options)
  const ask = (n: number, remoteAddress: string, url = '/public') => apps[n % 2]?.app.inject({ url, remoteAddress })
  const addresses = ['192.0.2.1', '::ffff:192.0.2.2', '2001:db8::1', '2001:db8:1::1']
  const rounds = collectRounds()
  for (const address of addresses) {
    const all = await Promise.all(Array.from({ length: 30 }, (_, n) => ask(n, address, n % 3 === 0 ? '/guarded' : '/public')))
    const refusals = all.filter((response) => response?.statusCode === 429)
    rounds.add(refusals.length, 10, `${address}: exactly the quota passes`)
    for (const response of refusals.slice(0, 1)) if (response !== undefined) refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: Number(response.headers['retry-after']) })
  }
  for (const { app, as } of apps) {
    const ada = await as.inject(app, { id: '192.0.2.1', workspace: '192.0.2.1', scopes: [] }, { url: '/guarded', remoteAddress: '192.0.2.1' })
    rounds.add(ada.statusCode, 200, 'a key whose id and workspace read like the address')
  }
  t.strictSame(rounds.seen, rounds.expected)
}

t.test('two apps on one Redis count an address together, and never a principal with it', async (t) => {
  await countTogether(t, { url: (await startRedis(t)).url })
})

t.test('so they do on a Cluster, whose shards have some addresses each', async (t) => {
  const cluster = await startPrimaries(t)
  await countTogether(t, { redis: cluster })
  const keys = (await Promise.all(cluster.nodes('master').map((node) => node.keys('*')))).flat()
  t.same(keys.filter((key) => key.startsWith('latchkey:{0,')).sort(), [
    'latchkey:{0,10,2001:db8::}:anonymous', 'latchkey:{0,12,2001:db8:1::}:anonymous', 'latchkey:{0,9,192.0.2.1}:anonymous', 'latchkey:{0,9,192.0.2.2}:anonymous'
  ].sort())
})

t.test('an outage of Redis means for addresses what it means for keys', async (t) => {
  const rounds = collectRounds()
  for (const [onUnavailable, status] of [['reject', 503], ['local', 200], ['allow', 200]] as const) {
    const server = await startRedis(t)
    const [first] = await pair(t, { url: server.url, onUnavailable, ...onUnavailable === 'local' && { processes: 2 }, deadline: 0.5 })
    await first?.app.ready()
    await server.kill()
    const answers = [await first?.app.inject('/public'), await first?.app.inject('/guarded')]
    rounds.add(answers.map((answer) => answer?.statusCode), [status, status === 200 ? 401 : 503], onUnavailable)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('no key of an address is one of a principal, whatever a client calls its address', async (t) => {
  const keysOf = createRedisKeys('n', clusterSlot)
  const texts = ['a', '0,1,a', '}', '}:anonymous', 'anonymous', '{', '!x', '2,3,']
  const addresses = texts.map((address) => keysOf({ kind: 'anonymous', address }))
  const principals = texts.flatMap((id) => texts.map((workspace) => keysOf(principal(id, { workspace, environment: '0' }))))
  const names = [...addresses, ...principals].map((names) => names.principal)
  t.equal(new Set(names).size, names.length)
  const rounds = collectRounds()
  for (const { principal, workspace, slot } of addresses) rounds.add([clusterSlot(principal), clusterSlot(workspace)], [slot, slot])
  t.strictSame(rounds.seen, rounds.expected)
})
