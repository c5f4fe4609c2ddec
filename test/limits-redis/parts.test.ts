import { createHash } from 'node:crypto'
import { compilePolicy, type Policy } from 'fastify-latchkey/limits'
import t from 'tap'
import { codeOf, reasonOf } from '../../lib/limits/redis/client.js'
import { clientOptions } from '../../lib/limits/redis/own-client.js'
import { nextOffset } from '../../lib/limits/redis/clock-offset.js'
import { clusterSlot, createRedisKeys } from '../../lib/limits/redis/redis-keys.js'
import { encodeTakes, MalformedAnswer, readAnswer } from '../../lib/limits/redis/take-protocol.js'
import { collectRounds, thrown } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'
import { doubles } from '../helpers/redis-store.js'

const keysOf = createRedisKeys('n', clusterSlot)

t.test('names of keys differ whenever what they are made of differs, whatever it contains', async (t) => {
  const hashed = createHash('sha256').update(Buffer.from('\ud800', 'utf16le')).digest('base64url')
  const parts = ['a', 'b', '!text x', `!text ${hashed}`, '{', '}', '{}', '}:', ':', '1,1,', 'a}:b', '\ud800', '\ud801', 'x\ud800', '!', '\u0000', 'é', '日本']
  const made = new Set<string>()
  const sent = (name: string) => Buffer.from(name).toString('latin1')
  for (const id of parts) {
    for (const workspace of parts) {
      for (const environment of parts) {
        const names = keysOf({ id, workspace, environment })
        made.add(sent(names.principal))
        made.add(sent(names.workspace))
      }
    }
  }
  t.equal(made.size, parts.length ** 3 + parts.length ** 2, 'also as the bytes that are sent')
})

t.test('the name of a principal is remembered where nothing can change it', async (t) => {
  const frozen = principal('key_1')
  t.match(keysOf(frozen), { principal: 'n:{10,2,productionw1}:key_1', workspace: 'n:{10,2,productionw1}' })
  t.equal(keysOf(frozen), keysOf(frozen))
  t.equal(createRedisKeys('m', clusterSlot)(frozen).principal, 'm:{10,2,productionw1}:key_1', 'by each namespace for itself')
  const open = { ...frozen, id: 'key_2' }
  t.equal(keysOf(open).principal, 'n:{10,2,productionw1}:key_2')
  open.id = 'key_3'
  t.equal(keysOf(open).principal, 'n:{10,2,productionw1}:key_3')
})

t.test('the keys of a principal and its workspace are in one hash slot of a Cluster', async (t) => {
  const rounds = collectRounds()
  for (const workspace of ['w1', '}', '{}', '\ud800', 'é']) {
    for (const id of ['id', '\ud800', '!', '}']) {
      const names = keysOf(principal(id, { workspace }))
      rounds.add([clusterSlot(names.principal), clusterSlot(names.workspace)], [names.slot, names.slot])
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an offset follows larger estimates at once, smaller ones slowly, and a clock that was set', async (t) => {
  t.equal(nextOffset(undefined, 5), 5)
  t.equal(nextOffset(5, 100), 100)
  t.equal(nextOffset(100, 95), 95)
  t.equal(nextOffset(100, 20), 90)
  t.equal(nextOffset(0, -1_000_001), -1_000_001)
})

t.test('a call has each list of policies once, however its takes are mixed', async (t) => {
  const lists = ['a', 'b'].map((name) => [compilePolicy({ name, quota: 5, window: 60 })] as const)
  const takes = Array.from({ length: 6 }, (_, i) => ({
    take: { policies: lists[i % 2] ?? [], caller: principal(`p${i}`), cost: 1 + Math.floor(i / 4), now: 0 },
    names: keysOf(principal(`p${i}`))
  }))
  const { keys, args: [runs, ...encoded] } = encodeTakes(takes)
  t.same(keys, takes.map(({ names }) => names.principal))
  t.equal(runs, '1 1 1 1 1 2 1 1 1 1 1 2 1 2 1 1 2 2 ')
  t.match(encoded, [/^w-[\w-]{8}5 60000000 $/, /^w-[\w-]{8}5 60000000 $/])
  t.not(encoded[0], encoded[1])
  t.equal(encoded.length, 2)
})

const named = (policy: Partial<Policy> = {}, version?: number) => {
  const who = principal('a', version === undefined ? {} : { version })
  return { take: { policies: [compilePolicy({ name: 'p', quota: 1, window: 60, ...policy })], caller: who, cost: 1, now: 0 }, names: keysOf(who) }
}

t.test('what is no answer of the script is known as none', async (t) => {
  const one = named()
  const patterns = collectRounds()
  for (const reply of [null, 'OK', 1, [], [1], doubles(), doubles(1).subarray(1), doubles(1.5), doubles(NaN), doubles(2 ** 60), doubles(-1), doubles(1, -1, 0, 0, 1), doubles(1, 0), doubles(1, 0, 2), doubles(1, 0, 2, 3), doubles(1, 0, 2, 3, 4, 5)]) {
    patterns.add(thrown(() => readAnswer(reply, [one])), MalformedAnswer, JSON.stringify(reply))
  }
  t.same(readAnswer(doubles(1), [one]), { now: 1, foreign: 0 }, 'too late')
  const read = (...numbers: number[]) => readAnswer(doubles(1, 0, ...numbers, 7, 0, 1), [one, named({}, 7)]).outcomes
  t.match(read(7, 0, 1), [{ admitted: true, versionMarker: undefined }, { admitted: true, versionMarker: 7 }])
  for (const numbers of [[-1, 0, 1], [0, -1, 5], [0, 3, Infinity], [0, NaN, 1], [0.5, 0, 1]]) {
    patterns.add(read(...numbers), [undefined, { admitted: true, versionMarker: 7 }], 'a take that makes no sense spoils no other')
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a window that refuses is known by the instant at which it closes; what has no windows is not', async (t) => {
  const closesAt = (policy: Partial<Policy>, now: number, reset: number) =>
    readAnswer(doubles(now, 0, 0, 0, -1 - reset), [named(policy)]).outcomes?.[0]?.policies[0]?.closesAt
  t.same([closesAt({}, 1_767_225_600_000_001, 59_999_999), closesAt({}, 1_767_225_659_999_999, 1)], [1_767_225_660_000, 1_767_225_660_000], 'whenever it is asked')
  t.equal(closesAt({}, 1_767_225_660_000_000, 60_000_000), 1_767_225_720_000)
  const rounds = collectRounds()
  for (const policy of [{ burst: 1 }, { sliding: true }, { quota: 0 }]) rounds.add(closesAt(policy, 1, 60_000_000), undefined)
  t.strictSame(rounds.seen, rounds.expected)
})

const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
const wrapped = (code: string) => reply(`ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): @user_script:1: @user_script: 1: -${code} You can't.`)

t.test('an error is named by the code of Redis, or as any other', async (t) => {
  t.equal(codeOf(reply('READONLY You can\'t write against a read only replica.')), 'READONLY')
  t.equal(codeOf(reply('READONLY You can\'t write against a read only replica. script: 0a, on @user_script:1.')), 'READONLY')
  t.equal(codeOf(wrapped('READONLY')), 'READONLY')
  t.equal(codeOf(wrapped('OOM')), 'OOM')
  t.equal(codeOf(reply('ERR Error running script (call to f_0): @user_script:3: user_script:3: attempt to index a nil value')), 'ERR')
  t.equal(codeOf(reply('ERR ACL failure in script: User x has no permissions to run the \'set\' command')), 'NOPERM')
  t.equal(codeOf(reply('ERR Error running script (call to f_0): @user_script:1: The user executing the script can\'t run this command or subcommand')), 'NOPERM')
  t.equal(codeOf(reply('what secret')), 'ERR')
  t.equal(codeOf(new Error('NOSCRIPT')), undefined)
  t.equal(codeOf('NOSCRIPT'), undefined)
  t.equal(reasonOf(Object.assign(new Error('connect secret'), { code: 'ECONNREFUSED' })), 'Error ECONNREFUSED')
})

t.test('a client of the store\'s own neither queues nor sends twice, whatever it is given', async (t) => {
  const options = clientOptions({ enableOfflineQueue: true, maxRetriesPerRequest: 20, autoResendUnfulfilledCommands: true, lazyConnect: true }, 0.1)
  t.match(options, { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, lazyConnect: false, socketTimeout: 1000 })
  const rounds = collectRounds()
  for (const error of [reply('READONLY x'), wrapped('READONLY')]) rounds.add(options.reconnectOnError?.(error), true)
  for (const error of [new Error('READONLY'), wrapped('OOM')]) rounds.add(options.reconnectOnError?.(error), false)
  for (const times of [1, 5, 50]) {
    const wait = options.retryStrategy?.(times)
    rounds.add(typeof wait === 'number' && wait >= 50 && wait <= 1000, true, `${wait} ms`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
