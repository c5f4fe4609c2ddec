import { createMemoryKeyStore, type KeyStore, type KeyUse } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { sealPrincipal } from '../../lib/core/principal.js'
import { createUsageRecorder, type UsageRecorderDeps } from '../../lib/keys/verification/usage-recorder.js'
import { principal } from '../helpers/limits.js'
import { gate, record } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const READ = Object.freeze(['devices:read'])
const BOTH = Object.freeze(['devices:read', 'reports:read'])

function recorder (recordUse?: KeyStore['recordUse'], parts: Partial<UsageRecorderDeps> = {}) {
  const clock = fakeClock()
  const written: KeyUse[][] = []
  const said: string[] = []
  const store = { recordUse: recordUse ?? ((uses: readonly KeyUse[]) => { written.push([...uses]) }) }
  const log = (reason: string, message: string) => { said.push(`${message}: ${reason}`) }
  return { clock, written, said, uses: createUsageRecorder({ store, clock: clock.now, interval: 3600, deadline: 0.05, log, ...parts }) }
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000)

t.test('many requests of a key are one entry: the last use, and of each scope the last', async (t) => {
  const { uses, clock, written } = recorder()
  const [one, other] = [principal('key_1'), principal('key_2', { workspace: 'w2' })]
  uses.note(one, BOTH)
  clock.advance(1)
  uses.note(one, READ)
  uses.note(other, [])
  clock.advance(1)
  uses.note(one, READ)
  clock.advance(1)
  uses.note(one, [])
  t.equal(await uses.flush(), true)
  t.same(written, [[
    { workspace: 'w1', id: 'key_1', lastUsedAt: at(3), scopesUsedAt: { 'devices:read': at(2), 'reports:read': at(0) } },
    { workspace: 'w2', id: 'key_2', lastUsedAt: at(1), scopesUsedAt: {} }
  ]])
  t.equal(await uses.flush(), true)
  t.equal(written.length, 1, 'nothing is written twice')
})

t.test('an earlier need that comes again counts anew', async (t) => {
  const { uses, clock, written } = recorder()
  for (const scopes of [READ, BOTH, READ]) {
    uses.note(principal('key_1'), scopes)
    clock.advance(1)
  }
  await uses.flush()
  t.match(written, [[{ lastUsedAt: at(2), scopesUsedAt: { 'devices:read': at(2), 'reports:read': at(1) } }]])
})

t.test('what is held beside a principal is of one write, one recorder and one key', async (t) => {
  const { uses, clock, written } = recorder()
  const other = recorder()
  const [first, rotated] = [sealPrincipal(principal('key_1')), sealPrincipal(principal('key_1'))]
  for (const one of [first, first, rotated]) {
    uses.note(one, READ)
    other.uses.note(one, BOTH)
    clock.advance(1)
  }
  await uses.flush()
  clock.advance(1)
  uses.note(first, BOTH)
  await uses.flush()
  await other.uses.flush()
  t.match(written, [
    [{ id: 'key_1', lastUsedAt: at(2), scopesUsedAt: { 'devices:read': at(2) } }],
    [{ id: 'key_1', lastUsedAt: at(4), scopesUsedAt: { 'devices:read': at(4), 'reports:read': at(4) } }]
  ])
  t.same(written.map(({ length }) => length), [1, 1], 'both secrets of a key are one use of it')
  t.match(other.written, [[{ id: 'key_1', lastUsedAt: at(0) }]], 'by its own clock')
})

t.test('a use that could not be written is found again beside its principal', async (t) => {
  let down = true
  const written: KeyUse[] = []
  const { uses, clock } = recorder((uses) => {
    if (down) throw new Error('down')
    written.push(...uses)
  })
  const one = sealPrincipal(principal('key_1'))
  uses.note(one, BOTH)
  uses.note(one, BOTH)
  t.equal(await uses.flush(), false)
  clock.advance(1)
  uses.note(one, READ)
  down = false
  t.equal(await uses.flush(), true)
  t.match(written, [{ lastUsedAt: at(1), scopesUsedAt: { 'devices:read': at(1), 'reports:read': at(0) } }])
  t.equal(written.length, 1)
})

t.test('uses are written by themselves after the interval, and again after the next', async (t) => {
  let times = 0
  const { uses } = recorder(() => { times++ }, { interval: 0.02 })
  for (const after of [1, 2]) {
    uses.note(principal('key_1'), READ)
    t.equal(times, after - 1, 'not at once')
    await until(() => times >= after)
    t.equal(times, after)
  }
})

t.test('what the store does not take waits, with what comes meanwhile, and is written the next time', async (t) => {
  const memory = createMemoryKeyStore()
  await memory.insert(record(), 'h1')
  let down = true
  const fail = gate()
  const { uses, clock, said } = recorder(async (uses) => {
    if (!down) return memory.recordUse(uses)
    await fail.opened
    throw new Error('INSERT secret-argument')
  }, { interval: 0.02 })
  uses.note(principal('key_1'), BOTH)
  uses.note(principal('key_2'), READ)
  const first = uses.flush()
  clock.advance(1)
  uses.note(principal('key_1'), READ)
  t.equal(uses.flush(), first, 'one at a time')
  fail.open()
  t.equal(await first, false)
  t.same(said, ['uses of 2 keys could not be written; they wait for the next time: Error'])
  down = false
  await until(async () => (await memory.get('w1', 'key_1'))?.lastUsedAt !== undefined)
  t.match(await memory.get('w1', 'key_1'), { lastUsedAt: at(1), scopesUsedAt: { 'devices:read': at(1), 'reports:read': at(0) } })
})

t.test('a newer note is not set back by one that is put back', async (t) => {
  const written: KeyUse[] = []
  const fail = gate()
  let down = true
  const { uses, clock } = recorder(async (uses) => {
    if (down) {
      await fail.opened
      throw new Error('down')
    }
    written.push(...uses)
  })
  uses.note(principal('key_1'), READ)
  const first = uses.flush()
  clock.advance(5)
  uses.note(principal('key_1'), READ)
  fail.open()
  await first
  down = false
  await uses.flush()
  t.match(written, [{ lastUsedAt: at(5), scopesUsedAt: { 'devices:read': at(5) } }])
})

t.test('a store that never answers costs its deadline, no more', async (t) => {
  const { uses, said } = recorder(() => new Promise(() => {}))
  uses.note(principal('key_1'), READ)
  t.equal(await uses.flush(), false)
  t.match(said, ['DeadlineExceeded'])
})

t.test('the end writes what is left, also what a flush under way has left behind', async (t) => {
  const slow = gate()
  const written: string[] = []
  const { uses } = recorder(async (uses) => {
    await slow.opened
    written.push(...uses.map(({ id }) => id))
  })
  uses.note(principal('key_1'), READ)
  const flushing = uses.flush()
  uses.note(principal('key_2'), READ)
  const closed = uses.close()
  slow.open()
  await Promise.all([flushing, closed])
  t.same(written, ['key_1', 'key_2'])
})

t.test('what the store does not take at the end is lost, and logged', async (t) => {
  const { uses, said } = recorder(() => { throw new Error('down') })
  uses.note(principal('key_1'), READ)
  await uses.close()
  t.equal(said.at(-1), 'uses of 1 keys are lost: the key store did not take them before the end')
})

t.test('writes go in batches of a thousand, and what fails stops them', async (t) => {
  const sizes: number[] = []
  const { uses } = recorder((uses) => {
    sizes.push(uses.length)
    if (sizes.length === 2) throw new Error('down')
  })
  for (let n = 0; n < 2500; n++) uses.note(principal(`key_${n}`), READ)
  t.equal(await uses.flush(), false)
  t.same(sizes, [1000, 1000])
  t.equal(await uses.flush(), true)
  t.same(sizes, [1000, 1000, 1000, 500])
})

t.test('memory is bounded: a full recorder writes at once, and counts what it can\'t take', async (t) => {
  const { uses, written } = recorder(undefined, { most: 3 })
  for (let n = 0; n < 7; n++) uses.note(principal(`key_${n}`), READ)
  await uses.flush()
  await uses.flush()
  t.same(written.flat().map(({ id }) => id), [0, 1, 2, 3, 4, 5].map((n) => `key_${n}`), 'while a write is under way, no more than fits')

  const stuck = recorder(() => { throw new Error('down') }, { most: 2 })
  for (let n = 0; n < 10; n++) {
    stuck.uses.note(principal(`key_${n}`), READ)
    await stuck.uses.flush()
  }
  t.match(stuck.said.join('\n'), '1 uses of keys were not noted: too many keys wait for theirs to be written')
  t.match(stuck.said.at(-1), 'uses of 2 keys could not be written')
})

t.test('a clock that tells nothing notes nothing', async (t) => {
  const { uses, clock, written } = recorder()
  clock.advance(NaN)
  uses.note(principal('key_1'), READ)
  await uses.flush()
  t.same(written, [])
})
