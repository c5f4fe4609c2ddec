import { Queue } from 'bullmq'
import t, { type Test } from 'tap'
import { createMemoryWebhookStore, type Deliver, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createBullmqEngine, type BullmqEngineOptions } from 'fastify-latchkey/webhooks/bullmq'
import { attempt, delivery, inserted, settled } from '../../lib/testing/webhook-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

const server = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
let queues = 0

function engineOf (t: Test, deliver: Deliver, options: Partial<BullmqEngineOptions>, store: WebhookStore) {
  const logged: string[] = []
  const engine = createBullmqEngine({ connection: { host: '127.0.0.1', port: server.port }, ...options })
  t.teardown(() => engine.close())
  return { engine, logged, start: () => engine.start({ store, clock: Date.now, deliver, deadline: 15, log: (reason, message) => { logged.push(`${message}: ${reason}`) }, inform: (message) => { logged.push(message) } }) }
}

t.test('several workers attempt each delivery once, a failed one again when it is due, and those from before they started', async (t) => {
  const queue = `q${queues++}`
  const store = createMemoryWebhookStore()
  const counts = new Map<string, number>()
  const tries = new Map<string, number>()
  const deliver: Deliver = async ({ delivery: { id, attempts } }) => {
    tries.set(id, (tries.get(id) ?? 0) + 1)
    if (attempts.length === 0) return settled({ attempt: attempt(), state: 'pending', nextAt: new Date(Date.now() + 50) })
    counts.set(id, (counts.get(id) ?? 0) + 1)
    return settled()
  }
  const made = await Promise.all([1, 2, 3, 4].map(() => inserted(store)))
  const batch = () => made.flatMap((one) => Array.from({ length: 10 }, () => delivery(one)))
  await store.enqueue(batch())
  const engines = [1, 2].map(() => engineOf(t, deliver, { queue, sweep: 0.5 }, store))
  for (const { start } of engines) await start()
  const later = batch()
  await store.enqueue(later)
  const adder = engineOf(t, deliver, { queue, concurrency: 0 }, store)
  await adder.start()
  await adder.engine.wake(later)
  await until(() => counts.size >= 80)
  t.strictSame([counts.size, new Set(counts.values()), new Set(tries.values())], [80, new Set([1]), new Set([2])])
  t.strictSame([...engines, adder].flatMap(({ logged }) => logged), [])
})

t.test('what a store does wrong is logged, and the sweep finds what was lost', async (t) => {
  const memory = createMemoryWebhookStore()
  let faults = 2
  const store: WebhookStore = { ...memory, async claim (...args) { if (faults-- > 0) throw new Error('a secret'); return await memory.claim(...args) } }
  let made = 0
  const { logged, start, engine } = engineOf(t, async () => { made++; return made === 1 ? undefined : settled() }, { queue: `q${queues++}`, sweep: 0.05 }, store)
  const one = await inserted(store)
  await store.enqueue([delivery(one)])
  await start()
  await until(() => made >= 1)
  await until(() => logged.length > 1)
  await engine.close()
  for (let i = 0; i < 3; i++) await engine.wake([delivery(one)])
  t.strictSame(logged, ['the webhook store could not be asked for deliveries: Error', 'the webhook store is asked for deliveries again'], 'and nothing after the close')
})

t.test('an outage of the queue is one line of the log when it begins and one when it is over; deliveries of meanwhile are made', async (t) => {
  const redis = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
  const store = createMemoryWebhookStore()
  const made: string[] = []
  const connection = { host: '127.0.0.1', port: redis.port, retryStrategy: () => 10 }
  const settings = { connection, queue: 'down', sweep: 0.05 }
  const worker = engineOf(t, async ({ delivery: { id } }) => { made.push(id); return settled() }, settings, store)
  const adder = engineOf(t, async () => undefined, { ...settings, concurrency: 0 }, store)
  for (const { start } of [worker, adder]) await start()
  const one = await inserted(store)
  const [before, meanwhile] = [delivery(one), delivery(one)]
  await store.enqueue([before])
  await adder.engine.wake([before])
  await until(() => made.length >= 1)

  await redis.kill()
  await until(() => worker.logged.length > 0 && adder.logged.length > 0)
  await store.enqueue([meanwhile])
  for (let i = 0; i < 3; i++) await adder.engine.wake([meanwhile])
  t.match([worker.logged, adder.logged], [[/^the queue of webhooks failed: /], [/^the queue of webhooks failed: /]])
  await redis.restart()
  await until(() => worker.logged.length > 1 && adder.logged.length > 1)
  await until(() => made.length >= 2)
  t.strictSame(made, [before.id, meanwhile.id])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const { logged } of [worker, adder]) patterns.add(logged, [/^the queue of webhooks failed: /, /^the queue of webhooks works again$/])
  for (const { logged } of [worker, adder]) rounds.add(logged.length, 2)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('each job that is given up is logged', async (t) => {
  const name = `q${queues++}`
  const { logged, start } = engineOf(t, async () => undefined, { queue: name }, createMemoryWebhookStore())
  await start()
  const queue = new Queue(name, { connection: { host: '127.0.0.1', port: server.port } })
  t.teardown(() => queue.close())
  for (let i = 0; i < 2; i++) await queue.add('foreign', null)
  await until(() => logged.length >= 2)
  const line = 'a job of webhooks was given up; a sweep finds what is due: TypeError'
  t.strictSame(logged, [line, line])
})

t.test('a Redis that is not there does not keep a process from starting: it is logged', async (t) => {
  const logged: string[] = []
  const engine = createBullmqEngine({ connection: { host: '127.0.0.1', port: 1, retryStrategy: () => 20 }, concurrency: 0 })
  t.teardown(() => engine.close())
  await new Promise((resolve) => setTimeout(resolve, 200))
  await engine.start({ store: createMemoryWebhookStore(), clock: Date.now, deliver: async () => undefined, deadline: 15, log: (reason, message) => { logged.push(`${message}: ${reason}`) }, inform: (message) => { logged.push(message) } })
  await until(() => logged.length > 0)
  t.equal(logged[0], 'the queue of webhooks failed: Error ECONNREFUSED')
})
