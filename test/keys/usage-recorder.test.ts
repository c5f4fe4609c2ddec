import { createMemoryKeyStore, type KeyStore, type KeyUse } from 'fastify-latchkey/keys'
import Fastify from 'fastify'
import { allowPlainHttp, latchkey } from 'fastify-latchkey'
import { fakeClock, testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { createUsageRecorder, type UsageRecorderDeps } from '../../lib/keys/verification/usage-recorder.js'
import { collectRounds } from '../helpers/collect.js'
import { principal, scopes } from '../helpers/limits.js'
import { gate, record } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const READ = Object.freeze(['devices:read'])
const BOTH = Object.freeze(['devices:read', 'reports:read'])

function usage (recordUse?: KeyStore['recordUse'], deps: Partial<UsageRecorderDeps> = {}) {
  const clock = fakeClock()
  const written: KeyUse[][] = []
  const logged: string[] = []
  const store = { recordUse: recordUse ?? ((uses: readonly KeyUse[]) => { written.push([...uses]) }) }
  const log = (reason: string, message: string) => { logged.push(`${message}: ${reason}`) }
  return { clock, written, logged, recorder: createUsageRecorder({ store, clock: clock.now, interval: 3600, deadline: 0.05, log, ...deps }) }
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000)

t.test('many requests of a key are one entry: the last use, and of each scope the last', async (t) => {
  const { recorder, clock, written } = usage()
  const [one, other] = [principal('key_1'), principal('key_2', { workspace: 'w2' })]
  recorder.record(one, BOTH)
  clock.advance(1)
  recorder.record(one, READ)
  recorder.record(other, [])
  clock.advance(1)
  recorder.record(one, READ)
  clock.advance(1)
  recorder.record(one, [])
  t.equal(await recorder.flush(), true)
  t.same(written, [[
    { workspace: 'w1', id: 'key_1', lastUsedAt: at(3), scopesUsedAt: { 'devices:read': at(2), 'reports:read': at(0) } },
    { workspace: 'w2', id: 'key_2', lastUsedAt: at(1), scopesUsedAt: {} }
  ]])
  t.equal(await recorder.flush(), true)
  t.equal(written.length, 1, 'nothing is written twice')
})

t.test('scopes that are used again have the later instant', async (t) => {
  const { recorder, clock, written } = usage()
  for (const scopes of [READ, BOTH, READ]) {
    recorder.record(principal('key_1'), scopes)
    clock.advance(1)
  }
  await recorder.flush()
  t.match(written, [[{ lastUsedAt: at(2), scopesUsedAt: { 'devices:read': at(2), 'reports:read': at(1) } }]])
})

t.test('all secrets of a key are one use of it, and what is recorded after a write is another', async (t) => {
  const { recorder, clock, written } = usage()
  for (const one of [principal('key_1'), principal('key_1')]) {
    recorder.record(one, READ)
    clock.advance(1)
  }
  await recorder.flush()
  clock.advance(1)
  recorder.record(principal('key_1'), BOTH)
  await recorder.flush()
  t.same(written, [
    [{ workspace: 'w1', id: 'key_1', lastUsedAt: at(1), scopesUsedAt: { 'devices:read': at(1) } }],
    [{ workspace: 'w1', id: 'key_1', lastUsedAt: at(3), scopesUsedAt: { 'devices:read': at(3), 'reports:read': at(3) } }]
  ])
})

t.test('uses are written after the interval, and again after the next', async (t) => {
  let times = 0
  const { recorder } = usage(() => { times++ }, { interval: 0.02 })
  const rounds = collectRounds()
  for (const after of [1, 2]) {
    recorder.record(principal('key_1'), READ)
    rounds.add(times, after - 1, 'not at once')
    await until(() => times >= after)
    rounds.add(times, after)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('what the store does not take is written with the next attempt, together with later uses', async (t) => {
  const memory = createMemoryKeyStore()
  await memory.insert(record(), 'h1')
  let down = true
  const fail = gate()
  const { recorder, clock, logged } = usage(async (uses) => {
    if (!down) return memory.recordUse(uses)
    await fail.opened
    throw new Error('INSERT secret-argument')
  }, { interval: 0.02 })
  recorder.record(principal('key_1'), BOTH)
  recorder.record(principal('key_2'), READ)
  const first = recorder.flush()
  clock.advance(1)
  recorder.record(principal('key_1'), READ)
  t.equal(recorder.flush(), first, 'one at a time')
  fail.open()
  t.equal(await first, false)
  t.same(logged, ['uses of 2 keys could not be written; they wait for the next attempt: Error'])
  down = false
  await until(async () => (await memory.get('w1', 'key_1'))?.lastUsedAt !== undefined)
  t.match(await memory.get('w1', 'key_1'), { lastUsedAt: at(1), scopesUsedAt: { 'devices:read': at(1), 'reports:read': at(0) } })
})

t.test('an earlier use that is put back does not replace a later one', async (t) => {
  const written: KeyUse[] = []
  const fail = gate()
  let down = true
  const { recorder, clock } = usage(async (uses) => {
    if (down) {
      await fail.opened
      throw new Error('down')
    }
    written.push(...uses)
  })
  recorder.record(principal('key_1'), READ)
  const first = recorder.flush()
  clock.advance(5)
  recorder.record(principal('key_1'), READ)
  fail.open()
  await first
  down = false
  await recorder.flush()
  t.match(written, [{ lastUsedAt: at(5), scopesUsedAt: { 'devices:read': at(5) } }])
})

t.test('a store that never answers costs its deadline, no more', async (t) => {
  const { recorder, logged } = usage(() => new Promise(() => {}))
  recorder.record(principal('key_1'), READ)
  t.equal(await recorder.flush(), false)
  t.match(logged, ['DeadlineExceeded'])
})

t.test('closing writes what is left, also what was recorded during a flush', async (t) => {
  const slow = gate()
  const written: string[] = []
  const { recorder } = usage(async (uses) => {
    await slow.opened
    written.push(...uses.map(({ id }) => id))
  })
  recorder.record(principal('key_1'), READ)
  const flushing = recorder.flush()
  recorder.record(principal('key_2'), READ)
  const closed = recorder.close()
  slow.open()
  await Promise.all([flushing, closed])
  t.same(written, ['key_1', 'key_2'])
})

t.test('what the store does not take at the end is lost, and logged', async (t) => {
  const { recorder, logged } = usage(() => { throw new Error('down') })
  recorder.record(principal('key_1'), READ)
  await recorder.close()
  t.equal(logged.at(-1), 'uses of 1 keys are lost: the key store did not take them before the end')
})

t.test('uses are written in batches of a thousand, until one fails', async (t) => {
  const sizes: number[] = []
  const { recorder } = usage((uses) => {
    sizes.push(uses.length)
    if (sizes.length === 2) throw new Error('down')
  })
  for (let n = 0; n < 2500; n++) recorder.record(principal(`key_${n}`), READ)
  t.equal(await recorder.flush(), false)
  t.same(sizes, [1000, 1000])
  t.equal(await recorder.flush(), true)
  t.same(sizes, [1000, 1000, 1000, 500])
})

t.test('memory is bounded: a full recorder writes at once, and counts what it drops', async (t) => {
  const { recorder, written } = usage(undefined, { maxKeys: 3 })
  for (let n = 0; n < 7; n++) recorder.record(principal(`key_${n}`), READ)
  await recorder.flush()
  await recorder.flush()
  t.same(written.flat().map(({ id }) => id), [0, 1, 2, 3, 4, 5].map((n) => `key_${n}`), 'while a write is under way, no more than fits')

  const stuck = usage(() => { throw new Error('down') }, { maxKeys: 2 })
  for (let n = 0; n < 10; n++) {
    stuck.recorder.record(principal(`key_${n}`), READ)
    await stuck.recorder.flush()
  }
  t.match(stuck.logged.join('\n'), '1 uses of keys were dropped: too many keys wait for their uses to be written')
  t.match(stuck.logged.at(-1), 'uses of 2 keys could not be written')
})

t.test('a clock that tells no time records nothing', async (t) => {
  const { recorder, clock, written } = usage()
  clock.advance(NaN)
  recorder.record(principal('key_1'), READ)
  await recorder.flush()
  t.same(written, [])
})

t.test('uses of a principal that a resolver of the host made are not written', async (t) => {
  const written: string[] = []
  const memory = createMemoryKeyStore()
  const store: KeyStore = { ...memory, recordUse: (uses) => { written.push(...uses.map(({ id }) => id)) } }
  const own = testPrincipals()
  const app = Fastify()
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', store }, resolvers: [own.resolver], limits: false, transport: allowPlainHttp })
  app.get('/', { schema: scopes.secure('devices:read') }, () => 'served')
  const { key, secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  t.equal((await own.inject(app, { id: 'of-the-host', scopes: ['devices:read'] }, '/')).statusCode, 200)
  t.equal((await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode, 200)
  await app.close()
  t.same(written, [key.id])
})
