import t from 'tap'
import { principal } from '../helpers/limits.js'
import { until } from '../helpers/until.js'
import { linesOf, usageOf } from '../helpers/usage.js'

const HOUR = 3600

t.test('requests are counted by UTC hour, key and outcome, and for all keys together', async (t) => {
  const { request, clock, flush, batches } = usageOf()
  for (const who of ['a', 'a', 'b']) request(who)
  request('a', 'RATE_LIMITED')
  request('a', 'RATE_LIMITED')
  clock.advance(HOUR)
  request('a', 'INSUFFICIENT_SCOPE')
  clock.advance(-1)
  request('b')
  t.equal(await flush(), true)
  t.match(batches, [{ sequence: 1, madeAt: clock.now(), retention: 86_400 }])
  t.strictSame(batches.flatMap(linesOf), [
    '0 a ADMITTED 2', '0 a RATE_LIMITED 2', '0 b ADMITTED 2', '0 null ADMITTED 4', '0 null RATE_LIMITED 2',
    '1 a INSUFFICIENT_SCOPE 1', '1 null INSUFFICIENT_SCOPE 1'
  ])
  t.equal(await flush(), true)
  t.equal(batches.length, 1, 'nothing is written twice')
})

t.test('workspaces and environments have totals of their own', async (t) => {
  const { request, flush, batches } = usageOf()
  request(principal('a', { version: 1 }))
  request(principal('b', { version: 1, environment: 'sandbox' }))
  request(principal('c', { version: 1, workspace: 'w2' }))
  await flush()
  t.strictSame(batches[0]?.counts.filter(({ keyId }) => keyId === null).map(({ workspace, environment }) => `${workspace} ${environment}`), ['w1 production', 'w1 sandbox', 'w2 production'])
})

t.test('only requests of stored keys are counted, and none while the clock fails', async (t) => {
  const { request, clock, flush, batches } = usageOf()
  request(null)
  request(null, 'CREDENTIAL_MISSING')
  request(principal('host'))
  request(principal('token', { kind: 'access-token', version: 1 }))
  request('no\0id')
  clock.advance(NaN)
  request('a')
  t.equal(await flush(), true)
  t.strictSame(batches, [])
})

t.test('a batch that fails is written again as it was, with what came later after it; the outage is logged as two lines', async (t) => {
  let fails = 3
  const { request, flush, batches, added, lines } = usageOf({ add () { if (fails-- > 0) throw new Error('secret-42') } })
  request('a')
  t.equal(await flush(), false)
  request('a')
  request('b')
  t.equal(await flush(), false)
  t.equal(await flush(), false)
  t.strictSame(lines, ['failing: Error'])
  t.equal(await flush(), true)
  t.strictSame(batches.map(({ sequence }) => sequence), [1, 1, 1, 1, 2])
  t.equal(new Set(batches.map(({ writer }) => writer)).size, 1)
  t.strictSame(added.map(linesOf), [['0 a ADMITTED 1', '0 null ADMITTED 1'], ['0 a ADMITTED 1', '0 b ADMITTED 1', '0 null ADMITTED 2']])
  t.strictSame(lines, ['failing: Error', 'over'])
})

t.test('a flush ends while requests go on: it writes what was counted before', async (t) => {
  const { request, flush, added } = usageOf({ async add () { await new Promise(setImmediate); if (added.length < 9) request('a') } })
  request('a')
  t.equal(await flush(), true)
  t.equal(added.length, 1)
})

t.test('batches of one process never overlap', async (t) => {
  let running = 0
  const { request, flush, added } = usageOf({ async add () { t.equal(++running, 1); await new Promise(setImmediate); running-- } })
  const flushed = ['a', 'b', 'c'].map((who) => {
    request(who)
    return flush()
  })
  t.strictSame(await Promise.all(flushed), [true, true, true])
  t.strictSame(added.flatMap(linesOf).filter((line) => !line.includes('null')), ['0 a ADMITTED 1', '0 b ADMITTED 1', '0 c ADMITTED 1'])
})

t.test('an interval has one write, whatever the number of keys; old hours are forgotten once an hour', async (t) => {
  const { request, clock, added, pruned, close } = usageOf({ interval: 0.02 })
  for (let i = 0; i < 50; i++) request(`key_${i}`)
  await until(() => pruned.length === 1)
  t.equal(added.length, 1)
  request('a')
  await until(() => added.length === 2)
  clock.advance(HOUR)
  request('a')
  await until(() => pruned.length === 2)
  t.equal(added.length, 3)
  t.strictSame(pruned, [Date.UTC(2025, 11, 31), Date.UTC(2025, 11, 31, 1)])
  await close()
})

t.test('by the interval, a failed write is tried again, and so is a failed attempt to forget', async (t) => {
  const faults = [new Error('one'), new Error('two')]
  const fail = () => { const fault = faults.pop(); if (fault !== undefined) throw fault }
  const { request, added, pruned, lines, batches } = usageOf({ interval: 0.01, add: fail, prune: () => { if (pruned.length === 1) throw new Error('three') } })
  request('a')
  await until(() => pruned.length === 1)
  t.equal(batches.length, 3)
  request('a')
  await until(() => pruned.length === 2)
  t.equal(added.length, 2)
  t.strictSame(lines, ['failing: Error', 'over', 'failing: Error', 'over'])
})

t.test('a clock of the host that throws is an outage like that of the store: it loses nothing, and ends no process', async (t) => {
  let broken = false
  const { request, flush, added, pruned, lines } = usageOf({ interval: 0.01, clockThrows: () => broken })
  request('a')
  broken = true
  t.equal(await flush(), false)
  await until(() => pruned.length === 0 && lines.length === 1)
  await new Promise((resolve) => { setTimeout(resolve, 30) })
  t.strictSame([added.length, lines], [0, ['failing: Error']])
  broken = false
  await until(() => pruned.length === 1)
  t.strictSame(added.map(linesOf), [['0 a ADMITTED 1', '0 null ADMITTED 1']])
  t.strictSame(lines, ['failing: Error', 'over'])
})

t.test('beyond the keys that may wait, requests of further keys are not counted, and it is logged how many', async (t) => {
  const { request, flush, added, lines } = usageOf({ maxKeys: 2 })
  for (const who of ['a', 'b', 'c', 'd', 'a']) request(who)
  await flush()
  t.strictSame(lines, ['2 requests were not counted: too many keys wait for their counts to be written'])
  request('c')
  await flush()
  t.strictSame(added.flatMap(linesOf).filter((line) => !line.includes('null')), ['0 a ADMITTED 2', '0 b ADMITTED 1', '0 c ADMITTED 1'])
})

t.test('closing writes what is left; what the store does not take then is lost, and logged', async (t) => {
  const { request, close, added } = usageOf()
  request('a')
  await close()
  t.strictSame(added.flatMap(linesOf), ['0 a ADMITTED 1', '0 null ADMITTED 1'])
  const failing = usageOf({ add: () => { throw new Error('down') } })
  failing.request('a')
  await failing.close()
  t.strictSame(failing.lines, ['failing: Error', 'counts of requests are lost: the usage store did not take them before the end'])
})
