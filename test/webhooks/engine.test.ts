import t, { type Test } from 'tap'
import { fakeClock } from 'fastify-latchkey/testing'
import { createEmbeddedEngine, createMemoryWebhookStore, type Claim, type Deliver, type EmbeddedEngineOptions, type WebhookStore } from 'fastify-latchkey/webhooks'
import { attempt, delivery, inserted, settled } from '../../lib/testing/webhook-store-drafts.js'
import { gate } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const delivered = async () => settled()
const failed = async () => settled({ attempt: attempt(), state: 'failed' })

async function engineOf (t: Test, deliver: Deliver, options: EmbeddedEngineOptions = {}, store: WebhookStore = createMemoryWebhookStore()) {
  const clock = fakeClock()
  const logged: string[] = []
  const engine = createEmbeddedEngine({ poll: 0.01, ...options })
  t.teardown(() => engine.close())
  const start = () => engine.start({ store, clock: clock.now, deliver, deadline: 15, log: (reason, message) => { logged.push(`${message}: ${reason}`) }, inform: (message) => { logged.push(message) } })
  return { store, clock, logged, engine, start }
}

t.test('what a poll claims while the engine closes is still attempted, and nothing is claimed after it', async (t) => {
  const memory = createMemoryWebhookStore()
  const { opened, open } = gate()
  let polls = 0
  let made = 0
  const store: WebhookStore = {
    ...memory,
    async claim (...args) {
      polls++
      const claimed = await memory.claim(...args)
      await opened
      return claimed
    }
  }
  const { engine, start } = await engineOf(t, async () => { made++; return await delivered() }, {}, store)
  const endpoint = await inserted(store)
  await store.enqueue([delivery(endpoint)])
  await start()
  await until(() => polls >= 1)
  const closing = engine.close()
  open()
  await closing
  t.strictSame([polls, made], [1, 1])
})

t.test('a clock that throws after an attempt takes no place from the next ones', async (t) => {
  let broken = false
  let made = 0
  const { store, clock, engine } = await engineOf(t, delivered, { perEndpoint: 1 })
  const endpoint = await inserted(store)
  await store.enqueue([delivery(endpoint), delivery(endpoint)])
  const lines: string[] = []
  const say = (line: string) => { lines.push(line) }
  const deliver = async () => {
    broken = ++made === 1
    return settled()
  }
  const now = () => {
    if (broken) throw new Error('no time')
    return clock.now()
  }
  await engine.start({ store, clock: now, deliver, deadline: 15, log: say, inform: say })
  await until(() => lines.length > 0)
  broken = false
  await until(() => made === 2)
  t.equal((await store.listDeliveries(endpoint.workspace, endpoint.id, { limit: 9, state: 'delivered' })).deliveries.length, 2)
})

t.test('endpoints that fail do not take all places', async (t) => {
  const { opened, open } = gate()
  let hangs = false
  let stuck = 0
  const live: string[] = []
  const dead = new Set<string>()
  const { store, engine, start } = await engineOf(t, async ({ delivery: { endpointId } }: Claim) => {
    if (!dead.has(endpointId)) {
      live.push(endpointId)
      return settled()
    }
    if (hangs) {
      stuck++
      await opened
    }
    return failed()
  }, { concurrency: 4, perEndpoint: 1 })
  const made = await Promise.all(Array.from({ length: 6 }, () => inserted(store)))
  for (const { id } of made) dead.add(id)
  await store.enqueue(made.map((one) => delivery(one)))
  await start()
  await until(async () => (await Promise.all(made.map((one) => store.listDeliveries(one.workspace, one.id, { limit: 1, state: 'failed' })))).every(({ deliveries }) => deliveries.length === 1))
  hangs = true
  for (const one of made) {
    await store.enqueue([delivery(one)])
    await engine.wake([])
  }
  await until(() => stuck >= 2)
  for (let i = 0; i < 10; i++) {
    await store.enqueue([delivery(await inserted(store))])
    await engine.wake([])
  }
  await until(() => live.length >= 10)
  t.ok(live.length === 10 && stuck < 4, `${stuck} of 4 places are stuck`)
  open()
})
