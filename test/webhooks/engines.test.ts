import t, { type Test } from 'tap'
import { createEmbeddedEngine, createMemoryWebhookStore, type Deliver, type Delivery, type DeliveryEngine, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createBullmqEngine } from 'fastify-latchkey/webhooks/bullmq'
import { at, attempt, delivery, inserted, settled } from '../../lib/testing/webhook-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { startRedis } from '../helpers/redis-server.js'
import { gate } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

/** An engine and its store. */
interface Bench {
  readonly store: WebhookStore
  readonly logged: string[]
  readonly engine: DeliveryEngine
  start (): Promise<void>
  /** Adds deliveries to the store and wakes the engine. */
  add (...deliveries: Delivery[]): Promise<void>
  /** Seconds by which the engine's clock goes ahead. */
  advance (seconds: number): void
  /** Another engine over the same store, as in another process. */
  another (deliver: Deliver): Bench
}

type Open = (concurrency: number, perEndpoint: number) => DeliveryEngine
const PLACES = 8
const EACH = 2
const DEADLINE = 15

const { port } = await startRedis(t, ['--maxmemory-policy', 'noeviction'])
let queues = 0

/** Each call makes a group of engines that work together, as those of several processes. */
const kinds: Readonly<Record<string, () => Open>> = {
  embedded: () => (concurrency, perEndpoint) => createEmbeddedEngine({ concurrency, perEndpoint, poll: 0.05 }),
  BullMQ () {
    const queue = `engines${queues++}`
    return (concurrency, perEndpoint) => createBullmqEngine({ connection: { host: '127.0.0.1', port }, queue, concurrency, perEndpoint, sweep: 0.05 })
  }
}

function bench (t: Test, open: Open, deliver: Deliver, store: WebhookStore = createMemoryWebhookStore()): Bench {
  const logged: string[] = []
  let ahead = 0
  const clock = () => Date.now() + ahead
  const engine = open(PLACES, EACH)
  t.teardown(() => engine.close())
  return {
    store,
    logged,
    engine,
    start: () => engine.start({ store, clock, deliver, deadline: DEADLINE, log: (reason, message) => { logged.push(`${message}: ${reason}`) }, inform: (message) => { logged.push(message) } }),
    async add (...deliveries) {
      await store.enqueue(deliveries)
      await engine.wake(deliveries)
    },
    advance (seconds) { ahead += seconds * 1000 },
    another: (deliver) => bench(t, open, deliver, store)
  }
}

for (const [kind, group] of Object.entries(kinds)) {
  t.test(`${kind}: a delivery is attempted once, when it is due`, async (t) => {
    const seen: string[] = []
    let laterAt = 0
    const { store, add, start, logged } = bench(t, group(), async ({ delivery: { id } }) => {
      seen.push(id)
      if (id === later.id) laterAt = Date.now()
      return settled()
    })
    const made = await inserted(store)
    const [waiting, woken] = [delivery(made), delivery(made)]
    const later = delivery(made, { nextAt: new Date(Date.now() + 400) })
    await store.enqueue([waiting, later])
    await start()
    await until(() => seen.includes(waiting.id))
    await add(woken)
    await until(() => seen.length >= 3)
    t.strictSame(seen.toSorted(), [waiting.id, woken.id, later.id].toSorted())
    t.ok(laterAt >= Number(later.nextAt))
    const patterns = collectRounds()
    for (const id of seen) patterns.add(await store.getDelivery(made.workspace, made.id, id), { state: 'delivered' })
    t.match(patterns.seen, patterns.expected)
    t.strictSame(logged, [])
  })

  t.test(`${kind}: a failed attempt is made again when it is due`, async (t) => {
    const times: number[] = []
    const { store, add, start } = bench(t, group(), async ({ delivery: { attempts } }) => {
      times.push(Date.now())
      return attempts.length < 2 ? settled({ attempt: attempt(), state: 'pending', nextAt: new Date(Date.now() + 100) }) : settled()
    })
    await start()
    const made = await inserted(store)
    const one = delivery(made)
    await add(one)
    await until(async () => (await store.getDelivery(made.workspace, made.id, one.id))?.state === 'delivered')
    t.match(await store.getDelivery(made.workspace, made.id, one.id), { state: 'delivered', attempts: [{}, {}, {}] })
    const [first = NaN, second = NaN, third = NaN] = times
    t.ok(second - first >= 99 && third - second >= 99, String(times))
  })

  t.test(`${kind}: several engines attempt nothing twice`, async (t) => {
    const counts = new Map<string, number>()
    const deliver: Deliver = async ({ delivery: { id } }) => {
      counts.set(id, (counts.get(id) ?? 0) + 1)
      return settled()
    }
    const one = bench(t, group(), deliver)
    const made = await Promise.all([1, 2, 3].map(() => inserted(one.store)))
    await one.store.enqueue(made.flatMap((each) => Array.from({ length: 30 }, () => delivery(each))))
    await Promise.all([one.start(), one.another(deliver).start()])
    for (const each of made) await one.add(delivery(each))
    await until(() => counts.size >= 93)
    t.strictSame([counts.size, new Set(counts.values())], [93, new Set([1])])
  })

  t.test(`${kind}: an endpoint that does not answer, with a long queue, delays no other`, async (t) => {
    const { opened, open } = gate()
    let stuck = 0
    let live = 0
    let dead = ''
    const { store, add, start } = bench(t, group(), async ({ delivery: { endpointId } }) => {
      if (endpointId === dead) {
        stuck++
        await opened
      } else {
        live++
      }
      return settled()
    })
    const poison = await inserted(store)
    dead = poison.id
    const queue = Array.from({ length: 50 }, () => delivery(poison))
    await store.enqueue(queue)
    await start()
    await until(() => stuck >= EACH)
    for (let i = 0; i < 40; i++) await add(delivery(await inserted(store)))
    await until(() => live >= 40)
    t.strictSame([live, stuck], [40, EACH])
    open()
    await until(() => stuck >= queue.length)
    t.equal(stuck, queue.length, 'and its own go on')
  })

  t.test(`${kind}: a slow attempt leaves the other places of its endpoint free`, async (t) => {
    const { opened, open } = gate()
    const made: string[] = []
    const { store, add, start } = bench(t, group(), async ({ delivery: { id } }) => {
      if (id === slow.id) await opened
      made.push(id)
      return settled()
    })
    const endpoint = await inserted(store)
    const [slow, ...quick] = [delivery(endpoint, { nextAt: at(-1) }), ...Array.from({ length: 11 }, () => delivery(endpoint))] as const
    await store.enqueue([slow, ...quick])
    await start()
    await until(() => made.length >= 11)
    t.equal(made.length, 11, 'all others, while it lasts')
    const late = delivery(endpoint)
    await add(late)
    await until(() => made.includes(late.id))
    t.ok(made.includes(late.id), 'and what comes meanwhile')
    open()
    await until(() => made.length >= 13)
    t.equal(made.at(-1), slow.id)
  })

  t.test(`${kind}: what could not be attempted, or not recorded, is attempted again when its lease has ended`, async (t) => {
    const memory = createMemoryWebhookStore()
    let broken = false
    const store: WebhookStore = {
      ...memory,
      async settle (...args) {
        if (broken) throw new Error('a secret')
        return await memory.settle(...args)
      }
    }
    let made = 0
    const { add, start, advance, logged } = bench(t, group(), async () => {
      made++
      broken = made === 2
      return made === 1 ? undefined : settled()
    }, store)
    await start()
    const endpoint = await inserted(store)
    const one = delivery(endpoint)
    await add(one)
    const rounds = collectRounds()
    for (const times of [1, 2, 3]) {
      await until(() => made >= times)
      rounds.add(made, times)
      if (times === 2) await until(() => logged.length > 0)
      advance(2 * DEADLINE + 1)
    }
    t.strictSame(rounds.seen, rounds.expected)
    await until(async () => (await store.getDelivery(endpoint.workspace, endpoint.id, one.id))?.state === 'delivered')
    t.match(await store.getDelivery(endpoint.workspace, endpoint.id, one.id), { state: 'delivered' })
    t.strictSame(logged, [`an attempt of the delivery ${one.id} could not be recorded; it is made again: Error`])
  })

  t.test(`${kind}: an outage of the store is one line of the log when it begins and one when it is over`, async (t) => {
    const memory = createMemoryWebhookStore()
    let faults = 3
    const store: WebhookStore = {
      ...memory,
      async claim (...args) {
        if (faults-- > 0) throw new Error('a secret')
        return await memory.claim(...args)
      }
    }
    let made = 0
    const { start, logged } = bench(t, group(), async () => { made++; return settled() }, store)
    await store.enqueue([delivery(await inserted(store))])
    await start()
    await until(() => made >= 1)
    t.equal(made, 1)
    await until(() => logged.length > 1)
    t.strictSame(logged, ['the webhook store could not be asked for deliveries: Error', 'the webhook store is asked for deliveries again'])
  })

  t.test(`${kind}: closing claims nothing more, and waits for the attempts in progress`, async (t) => {
    const { opened, open } = gate()
    let begun = 0
    const { store, engine, start, add } = bench(t, group(), async () => {
      begun++
      await opened
      return settled()
    })
    await start()
    const made = await inserted(store)
    const first = delivery(made)
    await add(first)
    await until(() => begun >= 1)
    let closed = false
    const closing = engine.close().then(() => { closed = true })
    await store.enqueue([delivery(await inserted(store))])
    await new Promise((resolve) => setTimeout(resolve, 150))
    t.strictSame([begun, closed], [1, false])
    open()
    await closing
    t.match(await store.getDelivery(made.workspace, made.id, first.id), { state: 'delivered' })
    t.equal(begun, 1)
  })
}
