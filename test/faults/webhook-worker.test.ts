import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createRedisWebhookStore } from 'fastify-latchkey/webhooks/redis'
import { delivery, inserted } from '../../lib/testing/webhook-store-drafts.js'
import { newSecret } from '../../lib/webhooks/secret.js'
import { start } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { startReceiver, verified } from '../helpers/receiver.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

const file = fileURLToPath(new URL('../helpers/webhook-worker.js', import.meta.url))

function work (t: Test, environment: NodeJS.ProcessEnv) {
  const child = start([process.execPath, file], undefined, environment)
  child.stdout.resume()
  child.stderr.resume()
  const gone = once(child, 'exit')
  async function kill (): Promise<void> {
    child.kill('SIGKILL')
    await gone
  }
  t.teardown(kill)
  return kill
}

for (const engine of ['embedded', 'bullmq']) {
  t.test(`what a worker has sent when it is killed, and no response has come, another worker sends again when its lease ends, with the same webhook-id (${engine})`, async (t) => {
    const redis = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
    const receiver = await startReceiver(t)
    const store = createRedisWebhookStore({ redis: redis.client() })
    const secret = newSecret()
    const made = await inserted(store, { url: receiver.url('/waits'), secrets: [{ value: secret, createdAt: new Date() }] })
    const one = delivery(made, { nextAt: new Date() })
    let waits = true
    receiver.made['/waits'] = (_request, response) => { if (!waits) response.writeHead(204).end() }
    await store.enqueue([one])
    const environment = { ENGINE: engine, REDIS_PORT: String(redis.port), CA: receiver.cert }

    const kill = work(t, { ...environment, SKEW: '0' })
    await receiver.count(1)
    await kill()
    t.match(await store.getDelivery(made.workspace, made.id, one.id), { state: 'pending', attempts: [] })
    waits = false
    const [killOther, killThird] = [work(t, { ...environment, SKEW: '33000' }), work(t, { ...environment, SKEW: '33000' })]
    const received = await receiver.count(2)
    await until(async () => (await store.getDelivery(made.workspace, made.id, one.id))?.state === 'delivered')
    t.match(await store.getDelivery(made.workspace, made.id, one.id), { state: 'delivered', attempts: [{ status: 204 }] })
    t.strictSame(received.map(({ headers }) => headers['webhook-id']), [one.eventId, one.eventId])
    const rounds = collectRounds()
    for (const each of received) rounds.add(Boolean(verified(secret, each)), true)
    t.strictSame(rounds.seen, rounds.expected)
    const [first = NaN, again = NaN] = received.map(({ headers }) => Number(headers['webhook-timestamp']))
    t.ok(again - first >= 34 && again - first < 50, `${again - first} s: a deadline of 20, and 15 (timestamps are whole seconds)`)
    t.equal(receiver.received.length, 2, 'two workers, one claim')
    const next = delivery(made, { nextAt: new Date() })
    await store.enqueue([next])
    await until(async () => (await store.getDelivery(made.workspace, made.id, next.id))?.state === 'delivered')
    t.match((await receiver.count(3))[2]?.headers, { 'webhook-id': next.eventId }, 'the endpoint goes on')
    await Promise.all([killOther(), killThird()])
  })
}
