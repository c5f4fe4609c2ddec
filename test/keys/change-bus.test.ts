import { createProcessChanges, createRecordCache, type ChangedKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createChangeLog } from '../../lib/keys/verification/change-log.js'
import { collectRounds } from '../helpers/collect.js'
import { record, slowStore } from '../helpers/slow-keys.js'

t.test('several apps over one store know of a change before it is answered', async (t) => {
  const store = slowStore()
  const changes = createProcessChanges()
  const [one, other] = [createRecordCache(store, { changes }), createRecordCache(store, { changes })]
  const key = record()
  await one.insert(key, 'h1')
  await other.findByHash('h1')
  await one.findByHash('h1')
  t.equal(await one.update({ ...key, revokedAt: new Date(), version: 2 }), true)
  t.equal(other.cached('h1'), undefined)
  t.match(await other.findByHash('h1'), { goodUntil: -Infinity })
  other.release()
  await one.update({ ...key, revokedAt: new Date(), name: 'late', version: 3 })
  t.match(other.cached('h1'), { principal: { version: 2 } })
})

t.test('a cache that a slow bus informs of its own change keeps what it has loaded since', async (t) => {
  const store = slowStore()
  const bus = createProcessChanges()
  const published: ChangedKey[] = []
  const cache = createRecordCache(store, { changes: { subscribe: bus.subscribe, publish: async (change) => { published.push(change) } } })
  const key = record()
  await cache.insert(key, 'h1')
  await cache.update({ ...key, version: 2 })
  await cache.findByHash('h1')
  for (const change of published) await bus.publish(change)
  t.match(cache.cached('h1'), { principal: { version: 2 } })
  await bus.publish({ id: 'key_1', version: 3 })
  t.equal(cache.cached('h1'), undefined)
})

t.test('a change stands where the bus fails or hangs, and onError gets the fault', async (t) => {
  const faults: unknown[] = []
  const updated: boolean[] = []
  for (const publish of [() => { throw new Error('down') }, async () => { throw new Error('down') }, () => new Promise<void>(() => {})]) {
    const store = slowStore()
    const changes = { publish, subscribe: () => () => {} }
    const cache = createRecordCache(store, { changes, deadline: 0.02, onError: (fault) => faults.push(fault) })
    const key = record()
    await cache.insert(key, 'h1')
    updated.push(await cache.update({ ...key, version: 2 }))
    const silent = createRecordCache(store, { changes, deadline: 0.02 })
    updated.push(await silent.update({ ...key, version: 3 }))
  }
  t.same(updated, Array(6).fill(true))
  t.match(faults, [{ message: 'down' }, { message: 'down' }, { name: 'DeadlineExceeded' }])
})

t.test('all listeners of a process are called, whichever of them throws, once for each subscription', async (t) => {
  const changes = createProcessChanges()
  const called: string[] = []
  const listener = ({ id }: ChangedKey) => { called.push(id) }
  const unsubscribe = changes.subscribe(listener)
  changes.subscribe(() => { throw new Error('broken') })
  changes.subscribe(listener)
  t.throws(() => changes.publish({ id: 'a', version: 1 }), { name: 'AggregateError', errors: [{ message: 'broken' }] })
  t.same(called, ['a', 'a'])
  unsubscribe()
  unsubscribe()
  t.throws(() => changes.publish({ id: 'b', version: 1 }))
  t.same(called, ['a', 'a', 'b'])
})

t.test('a change outdates look-ups that began before it, and records that are older than it', async (t) => {
  const log = createChangeLog(1000, 10)
  const before = log.next(0)
  t.equal(log.outdates('a', 1, before), false)
  log.add('a', 2, 0)
  const after = log.next(0)
  t.equal(log.outdates('a', 2, before), true)
  t.equal(log.outdates('a', 2, after), false)
  t.equal(log.outdates('a', 1, after), true)
  t.equal(log.outdates('b', 1, before), false)
  log.addUnknown({ id: 'a', version: 2 }, 0)
  t.equal(log.outdates('a', 2, after), false, 'known already')
  log.add('a', 0, 0)
  t.equal(log.outdates('a', 9, after), true, 'something has changed')
  t.equal(log.outdates('a', 1, log.next(0)), true, 'and the version does not fall')
})

t.test('a change is remembered for its span, and not for ever', async (t) => {
  const clock = fakeClock(0)
  const log = createChangeLog(1000, 10)
  const before = log.next(clock.now())
  clock.advance(0.999)
  log.add('a', 2, clock.now())
  const rounds = collectRounds()
  for (const seconds of [0.001, 0.998]) {
    clock.advance(seconds)
    log.next(clock.now())
    rounds.add(log.outdates('a', 1, before), true, `${clock.now()} ms`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  clock.advance(2)
  log.next(clock.now())
  clock.advance(2)
  log.next(clock.now())
  t.equal(log.outdates('a', 1, before), false)
})

t.test('more changes than can be remembered outdate everything', async (t) => {
  const log = createChangeLog(1000, 3)
  const before = log.next(0)
  for (const id of ['a', 'b', 'c']) log.add(id, 2, 0)
  t.equal(log.outdates('z', 1, before), false)
  log.add('d', 2, 0)
  t.equal(log.outdates('z', 1, before), true)
  t.equal(log.outdates('z', 1, log.next(0)), false)
})
