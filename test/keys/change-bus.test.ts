import { createProcessChanges, createRecordCache, type KeyChanges } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createChangeLog } from '../../lib/keys/verification/change-bus.js'
import { record, slowStore } from '../helpers/slow-keys.js'

t.test('several apps over one store hear of each other before a change is answered', async (t) => {
  const store = slowStore()
  const changes = createProcessChanges()
  const [one, other] = [createRecordCache(store, { changes }), createRecordCache(store, { changes })]
  const key = record()
  await one.insert(key, 'h1')
  await other.findByHash('h1')
  await one.findByHash('h1')
  t.equal(await one.update({ ...key, revokedAt: new Date(), version: 2 }), true)
  t.equal(other.recall('h1'), undefined)
  t.match(await other.findByHash('h1'), { goodUntil: -Infinity })
  other.release()
  await one.update({ ...key, revokedAt: new Date(), name: 'late', version: 3 })
  t.match(other.recall('h1'), { principal: { version: 2 } })
})

t.test('a cache that hears of its own change from a slow bus keeps what it has loaded since', async (t) => {
  const store = slowStore()
  const bus = createProcessChanges()
  const told: Array<Parameters<KeyChanges['publish']>[0]> = []
  const cache = createRecordCache(store, { changes: { subscribe: bus.subscribe, publish: async (change) => { told.push(change) } } })
  const key = record()
  await cache.insert(key, 'h1')
  await cache.update({ ...key, version: 2 })
  await cache.findByHash('h1')
  for (const change of told) await bus.publish(change)
  t.match(cache.recall('h1'), { principal: { version: 2 } })
  await bus.publish({ id: 'key_1', version: 3 })
  t.equal(cache.recall('h1'), undefined)
})

t.test('a change stands where the bus fails or hangs, and the fault is told', async (t) => {
  const faults: unknown[] = []
  for (const publish of [() => { throw new Error('down') }, async () => { throw new Error('down') }, () => new Promise<void>(() => {})]) {
    const store = slowStore()
    const cache = createRecordCache(store, { changes: { publish, subscribe: () => () => {} }, deadline: 0.02, onFault: (fault) => faults.push(fault) })
    const key = record()
    await cache.insert(key, 'h1')
    t.equal(await cache.update({ ...key, version: 2 }), true)
    const mute = createRecordCache(store, { changes: { publish, subscribe: () => () => {} }, deadline: 0.02 })
    t.equal(await mute.update({ ...key, version: 3 }), true)
  }
  t.match(faults, [{ message: 'down' }, { message: 'down' }, { name: 'DeadlineExceeded' }])
})

t.test('all listeners of a process hear of a change, whichever of them throws, once for each subscription', async (t) => {
  const changes = createProcessChanges()
  const heard: string[] = []
  const listener = ({ id }: { id: string }) => { heard.push(id) }
  const end = changes.subscribe(listener)
  changes.subscribe(() => { throw new Error('deaf') })
  changes.subscribe(listener)
  t.throws(() => changes.publish({ id: 'a', version: 1 }), { name: 'AggregateError', errors: [{ message: 'deaf' }] })
  t.same(heard, ['a', 'a'])
  end()
  end()
  t.throws(() => changes.publish({ id: 'b', version: 1 }))
  t.same(heard, ['a', 'a', 'b'])
})

t.test('a change outdates what was asked before it, and what is older than it', async (t) => {
  const log = createChangeLog(1000, 10)
  const before = log.turn(0)
  t.equal(log.outdates('a', 1, before), false)
  log.note('a', 2, 0)
  const after = log.turn(0)
  t.equal(log.outdates('a', 2, before), true)
  t.equal(log.outdates('a', 2, after), false)
  t.equal(log.outdates('a', 1, after), true)
  t.equal(log.outdates('b', 1, before), false)
  log.hear({ id: 'a', version: 2 }, 0)
  t.equal(log.outdates('a', 2, after), false, 'known already')
  log.note('a', 0, 0)
  t.equal(log.outdates('a', 9, after), true, 'something has changed')
  t.equal(log.outdates('a', 1, log.turn(0)), true, 'and the version does not fall')
})

t.test('a change is remembered for its span, and not for ever', async (t) => {
  const clock = fakeClock(0)
  const log = createChangeLog(1000, 10)
  const before = log.turn(clock.now())
  clock.advance(0.999)
  log.note('a', 2, clock.now())
  for (const seconds of [0.001, 0.998]) {
    clock.advance(seconds)
    log.turn(clock.now())
    t.equal(log.outdates('a', 1, before), true, `${clock.now()} ms`)
  }
  clock.advance(2)
  log.turn(clock.now())
  clock.advance(2)
  log.turn(clock.now())
  t.equal(log.outdates('a', 1, before), false)
})

t.test('more changes than can be remembered outdate everything', async (t) => {
  const log = createChangeLog(1000, 3)
  const before = log.turn(0)
  for (const id of ['a', 'b', 'c']) log.note(id, 2, 0)
  t.equal(log.outdates('z', 1, before), false)
  log.note('d', 2, 0)
  t.equal(log.outdates('z', 1, before), true)
  t.equal(log.outdates('z', 1, log.turn(0)), false)
})
