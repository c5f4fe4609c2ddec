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

t.test('what a look finds while the engine closes is attempted yet, and nothing is looked for after it', async (t) => {
  const memory = createMemoryWebhookStore()
  const { opened, open } = gate()
  let looks = 0
  let made = 0
  const store: WebhookStore = {
    ...memory,
    async claim (...args) {
      looks++
      const claimed = await memory.claim(...args)
      await opened
      return claimed
    }
  }
  const { engine, start } = await engineOf(t, async () => { made++; return await delivered() }, {}, store)
  const endpoint = await inserted(store)
  await store.enqueue([delivery(endpoint)])
  await start()
  await until(() => looks >= 1)
  const closing = engine.close()
  open()
  await closing
  t.strictSame([looks, made], [1, 1])
})

t.test('closing takes no more, and waits for what is being attempted', async (t) => {
  const { opened, open } = gate()
  let begun = 0
  const { store, engine, start } = await engineOf(t, async () => { begun++; await opened; return settled() }, { perEndpoint: 1 })
  const made = await inserted(store)
  const all = [delivery(made), delivery(made)]
  await store.enqueue(all)
  await start()
  await until(() => begun >= 1)
  const closing = engine.close()
  open()
  await closing
  await engine.wake(all)
  t.strictSame([begun, (await store.listDeliveries(made.workspace, made.id, { limit: 9, state: 'delivered' })).deliveries.length], [1, 1])
})

t.test('endpoints that are known to fail have half of the places at most', async (t) => {
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

t.test('a store that fails is asked again, and what could not be noted is made again', async (t) => {
  const memory = createMemoryWebhookStore()
  let faults = 2
  let settles = 0
  const store: WebhookStore = {
    ...memory,
    async claim (...args) {
      if (faults-- > 0) throw new Error('a secret')
      return await memory.claim(...args)
    },
    async settle (...args) {
      settles++
      if (settles !== 5) throw new Error('a secret')
      return await memory.settle(...args)
    }
  }
  let made = 0
  const { clock, logged, start } = await engineOf(t, async () => { made++; return made === 3 ? undefined : await delivered() }, {}, store)
  const endpoint = await inserted(store)
  await store.enqueue([delivery(endpoint)])
  await start()
  await until(() => settles >= 3)
  await until(() => logged.length >= 3)
  t.match(logged, ['the webhook store could not be asked for deliveries: Error', 'the webhook store is asked for deliveries again', /^an attempt of the delivery evt_.* could not be recorded; it is made again: Error$/])
  clock.advance(30)
  await until(() => settles >= 5)
  t.equal(made, 2, 'at least once')
  await until(async () => (await memory.claim(clock.now(), 1, { limit: 1, perEndpoint: 1 })).nextAt === undefined)
  await store.enqueue([delivery(endpoint)])
  await until(() => made >= 3)
  clock.advance(29)
  t.equal(made, 3, 'no attempt could be made: the claim runs out')
})
