import t from 'tap'
import { codeOf, openClient, reasonOf } from '../../lib/limits/redis/client.js'
import { createTakeBatcher, MAX_BATCH, type Batch } from '../../lib/limits/redis/take-batcher.js'
import { createRedisKeys } from '../../lib/limits/redis/redis-keys.js'
import { nextOffset } from '../../lib/limits/redis/clock-offset.js'
import { NoAnswer, readAnswer } from '../../lib/limits/redis/take-protocol.js'
import { outcomeWhenDecided } from '../../lib/limits/store.js'
import { sealPrincipal } from '../../lib/core/principal.js'
import { compilePolicy, type Policy } from 'fastify-latchkey/limits'
import { principal, untyped } from '../helpers/limits.js'
import { doubles } from '../helpers/redis-store.js'

t.test('names of keys differ whenever what they are made of differs, whatever it contains', async (t) => {
  const names = createRedisKeys('n')
  const parts = ['a', 'b', '!text x', '{', '}', '{}', '}:', ':', '1,1,', 'a}:b', '\ud800', '\ud801', 'x\ud800', '!', '\u0000', 'é', '日本']
  const made = new Set<string>()
  let count = 0
  for (const id of parts) {
    for (const workspace of parts) {
      for (const environment of parts) {
        made.add(Buffer.from(names.principal({ id, workspace, environment })).toString('latin1'))
        count++
      }
    }
  }
  for (const workspace of parts) {
    for (const environment of parts) {
      made.add(Buffer.from(names.workspace({ id: '', workspace, environment })).toString('latin1'))
      count++
    }
  }
  for (const part of parts) {
    made.add(Buffer.from(names.claim(part)).toString('latin1'))
    count++
  }
  t.equal(made.size, count, 'also as the bytes that are sent')
  t.equal(names.claim('x'.repeat(1_000_000)).length, names.claim('').length, 'and those of claims are as long as any other')
})

t.test('a name that is held beside a principal is of the namespace that is asked', async (t) => {
  const of = sealPrincipal(principal('key_1'))
  const [one, other] = [createRedisKeys('n'), createRedisKeys('m')]
  for (const again of ['', 'again']) {
    t.equal(one.principal(of), 'n:{10,2,productionw1}:key_1', again)
    t.equal(one.principal(of), 'n:{10,2,productionw1}:key_1', again)
    t.equal(other.principal(of), 'm:{10,2,productionw1}:key_1', again)
  }
  t.equal(one.principal({ ...of, id: 'key_2' }), 'n:{10,2,productionw1}:key_2', 'and of no copy')
})

t.test('a principal and its workspace share a hash tag that is not empty', async (t) => {
  const names = createRedisKeys('n')
  const tag = (name: string) => /\{([^}]*)\}/.exec(name)?.[1]
  for (const workspace of ['w1', '}', '{}', '\ud800']) {
    for (const id of ['id', '\ud800', '!', '}']) {
      const of = principal(id, { workspace })
      t.ok(tag(names.principal(of)))
      t.equal(tag(names.principal(of)), tag(names.workspace(of)), 'whatever the id contains')
    }
  }
  t.equal(names.principal(principal('key_1')), 'n:{10,2,productionw1}:key_1')
})

t.test('an offset follows larger estimates at once, smaller ones slowly, and a clock that was set', async (t) => {
  t.equal(nextOffset(undefined, 5), 5)
  t.equal(nextOffset(5, 100), 100)
  t.equal(nextOffset(100, 95), 95)
  t.equal(nextOffset(100, 20), 90)
  t.equal(nextOffset(0, -1_000_001), -1_000_001)
})

t.test('what is no answer of the script is told from one', async (t) => {
  const take = { policies: [compilePolicy({ name: 'p', quota: 1, window: 1 })], principal: principal('a'), cost: 1, now: 0 }
  for (const reply of [null, 'OK', 1, [], [1], doubles(), doubles(1).subarray(1), doubles(1.5), doubles(NaN), doubles(2 ** 60)]) t.throws(() => readAnswer(reply), NoAnswer, JSON.stringify(reply))
  for (const reply of [doubles(1, 2), doubles(1, 2, 3), doubles(1, 2, 3, 4).subarray(0, -1), doubles(1, 2, 3, Infinity), doubles(1, 0, -1, 5)]) t.throws(() => readAnswer(reply).outcome(take), NoAnswer, reply.toString('hex'))
  t.match(readAnswer(doubles(1)), { now: 1, late: true })
  t.equal(readAnswer(doubles(1, -1)).outcome(take), undefined)
  t.same(readAnswer(doubles(1, 7, 2, -2500001)).outcome(take), { admitted: false, policies: [{ policy: take.policies[0], admitted: false, remaining: 2, reset: 3, closesAt: 2500 }] })
  t.equal(readAnswer(doubles(1, 7, 0, 1)).outcome({ ...take, principal: principal('a', { version: 7 }) })?.versionMarker, 7)
})

t.test('a window that refuses is known by the instant at which it closes; what has no windows is not', async (t) => {
  const closesAt = (policy: Partial<Policy>, now: number, reset: number) => {
    const take = { policies: [compilePolicy({ name: 'p', quota: 1, window: 60, ...policy })], principal: principal('a'), cost: 1, now: 0 }
    return readAnswer(doubles(now, 0, 0, -1 - reset)).outcome(take)?.policies[0]?.closesAt
  }
  t.same([closesAt({}, 1_767_225_600_000_001, 59_999_999), closesAt({}, 1_767_225_659_999_999, 1)], [1_767_225_660_000, 1_767_225_660_000], 'whenever it is asked')
  t.equal(closesAt({}, 1_767_225_660_000_000, 60_000_000), 1_767_225_720_000)
  for (const policy of [{ burst: 1 }, { sliding: true }, { quota: 0 }]) t.equal(closesAt(policy, 1, 60_000_000), undefined)
})

t.test('a fault is named by the first word of Redis, or as any other', async (t) => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
  t.equal(codeOf(reply('READONLY You can\'t write against a read only replica.')), 'READONLY')
  t.equal(codeOf(reply('ERR ACL failure in script: User x has no permissions to run the \'set\' command')), 'NOPERM')
  t.equal(codeOf(reply('what secret')), 'ERR')
  t.equal(codeOf(new Error('NOSCRIPT')), undefined)
  t.equal(codeOf('NOSCRIPT'), undefined)
  t.equal(reasonOf(Object.assign(new Error('connect secret'), { code: 'ECONNREFUSED' })), 'Error ECONNREFUSED')
})

t.test('a client of the store\'s own neither queues nor sends twice, whatever it is given', async (t) => {
  const client = openClient('redis://127.0.0.1:1', { enableOfflineQueue: true, maxRetriesPerRequest: 20, autoResendUnfulfilledCommands: true, lazyConnect: true }, 0.1)
  client.on('error', () => {})
  t.match(client.options, { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, lazyConnect: false, socketTimeout: 1000 })
  t.equal(client.options.reconnectOnError?.(Object.assign(new Error('READONLY x'), { name: 'ReplyError' })), true)
  t.equal(client.options.reconnectOnError?.(new Error('READONLY')), false)
  for (const times of [1, 5, 50]) {
    const wait = client.options.retryStrategy?.(times)
    t.ok(typeof wait === 'number' && wait >= 50 && wait <= 1000, `${wait} ms`)
  }
  client.disconnect()
})

function lane (deadline: number) {
  const sent: Batch[] = []
  const expired: Batch[] = []
  const settled: unknown[] = []
  const join = createTakeBatcher({ deadline, send: (batch) => { sent.push(batch) }, expired: (batch) => { expired.push(batch); batch.settle(() => { throw new Error('late') }) } })
  const take = { policies: [], principal: principal('a'), cost: 1, time: () => 0 }
  return { sent, expired, settled, add: () => { outcomeWhenDecided(join(take, () => untyped(null))).then((outcome) => settled.push(outcome), (fault) => settled.push(fault)) } }
}

const tick = () => new Promise((resolve) => setImmediate(resolve))
const yes = () => ({ admitted: true, policies: [] })

t.test('what comes in one tick is one batch, up to its largest size', async (t) => {
  const { add, sent, settled } = lane(60_000)
  for (let i = 0; i < 2 * MAX_BATCH; i++) add()
  await tick()
  t.same(sent.map(({ waiting }) => waiting.length), [MAX_BATCH, MAX_BATCH])
  for (const batch of sent) batch.settle(yes)
  await tick()
  t.equal(settled.length, 2 * MAX_BATCH)
})

t.test('two small batches are on their way at once; the next goes when one is answered, with what came meanwhile', async (t) => {
  const { add, sent, settled } = lane(60_000)
  for (const count of [15, 1, 1]) {
    for (let i = 0; i < count; i++) add()
    await tick()
  }
  t.same(sent.map(({ waiting }) => waiting.length), [15, 1])
  sent[0]?.settle(yes)
  add()
  add()
  await tick()
  await tick()
  t.same(sent.map(({ waiting }) => waiting.length), [15, 1, 3])
  sent[1]?.settle(yes)
  sent[2]?.settle(yes)
  await tick()
  t.equal(settled.length, 19)
  add()
  await tick()
  t.equal(sent.length, 4)
  sent[3]?.settle(yes)
})

t.test('beside a larger batch none is sent', async (t) => {
  const { add, sent, settled } = lane(60_000)
  for (const count of [16, 1, 20]) {
    for (let i = 0; i < count; i++) add()
    await tick()
  }
  t.same(sent.map(({ waiting }) => waiting.length), [16])
  sent[0]?.settle(yes)
  await tick()
  await tick()
  t.same(sent.map(({ waiting }) => waiting.length), [16, 21])
  sent[1]?.settle(yes)
  await tick()
  t.equal(settled.length, 37)
})

t.test('a batch that waited for those that are never answered is dropped at its own deadline', async (t) => {
  const { add, sent, expired, settled } = lane(100)
  for (let i = 0; i < 3; i++) {
    add()
    await tick()
  }
  const until = performance.now() + 150
  while (performance.now() < until);
  while (settled.length < 3) await tick()
  t.same([sent.length, expired.length], [2, 3])
  add()
  await tick()
  t.equal(sent.length, 3, 'the next one goes')
  sent[2]?.settle(yes)
})

t.test('a batch whose deadline passed before it was sent never is', async (t) => {
  const { add, sent, expired, settled } = lane(100)
  add()
  const until = performance.now() + 150
  while (performance.now() < until);
  await new Promise((resolve) => setImmediate(resolve))
  t.same([sent.length, expired.length, settled.length], [0, 1, 1])
  add()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(sent.length, 1, 'the next one is')
  sent[0]?.settle(() => ({ admitted: true, policies: [] }))
})
