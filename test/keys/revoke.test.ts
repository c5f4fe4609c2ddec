import { createKeys, createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import type { ApiKey } from 'fastify-latchkey'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { untyped } from '../helpers/limits.js'

function keyring (replaced: Partial<KeyStore> = {}) {
  const clock = fakeClock()
  const memory = createMemoryKeyStore()
  const { keys } = createKeys({ prefix: 'acme', store: { ...memory, ...replaced } }, { clock: clock.now, scopes: [], deadline: 0.2 })
  return { clock, memory, keys, issue: async () => (await keys.issue({ workspace: 'w1', scopes: [] })).key }
}

t.test('revoking says when, and is another version of the key', async (t) => {
  const { keys, issue, clock } = keyring()
  const key = await issue()
  clock.advance(5)
  const { key: revoked, effectiveWithin } = await keys.revoke('w1', key.id, { reason: 'left the company' })
  t.same(revoked, { ...key, revokedAt: new Date(clock.now()), revokedReason: 'left the company', updatedAt: new Date(clock.now()), version: 2 })
  t.ok(Object.isFrozen(revoked))
  t.equal(effectiveWithin, 0, 'without a cache')
})

t.test('revoking again changes nothing', async (t) => {
  const { keys, issue, clock } = keyring()
  const key = await issue()
  const first = await keys.revoke('w1', key.id)
  clock.advance(5)
  t.same(await keys.revoke('w1', key.id, { reason: 'another reason' }), first)
})

t.test('a key of another workspace is as unknown as one that never was', async (t) => {
  const { keys, issue, memory } = keyring()
  const key = await issue()
  const missing = { name: 'AccessError', code: 'KEY_NOT_FOUND', statusCode: 404, message: 'There is no such key.', detail: undefined, reason: undefined }
  await t.rejects(keys.revoke('w2', key.id), missing)
  await t.rejects(keys.revoke('w1', 'key_none'), missing)
  const patterns = collectRounds()
  for (const id of ['__proto__', 'constructor', '', undefined]) patterns.add(await rejection(keys.revoke('w1', untyped(id))), missing)
  t.match(patterns.seen, patterns.expected)
  await t.rejects(keys.revoke(untyped(undefined), key.id), missing)
  t.equal(untyped<ApiKey>(await memory.get('w1', key.id)).revokedAt, undefined)
})

t.test('two at once revoke once', async (t) => {
  const memory = createMemoryKeyStore()
  const { keys, issue } = keyring({ ...memory, get: async (...args) => await memory.get(...args), update: async (key) => await memory.update(key) })
  const key = await issue()
  const both = await Promise.all([keys.revoke('w1', key.id), keys.revoke('w1', key.id)])
  t.same(both.map(({ key }) => key.version), [2, 2])
})

t.test('a change that came in between is kept, and the key is revoked all the same', async (t) => {
  const memory = createMemoryKeyStore()
  let raced = false
  const { keys, issue } = keyring({
    ...memory,
    async update (key) {
      if (!raced) {
        raced = true
        const { revokedAt, ...before } = key
        t.equal(await memory.update({ ...before, name: 'renamed meanwhile' }), true)
      }
      return await memory.update(key)
    },
  })
  const key = await issue()
  t.match(await keys.revoke('w1', key.id), { key: { name: 'renamed meanwhile', version: 3, revokedAt: Date } })
  t.match(await memory.get('w1', key.id), { name: 'renamed meanwhile', version: 3, revokedAt: Date })
})

t.test('an update of anything but the version before is refused, so nothing is written back', async (t) => {
  const { issue, memory } = keyring()
  const key = await issue()
  t.equal(await memory.update({ ...key, version: 1 }), false)
  t.equal(await memory.update({ ...key, version: 3 }), false)
  t.equal(await memory.update({ ...key, workspace: 'w2', version: 2 }), false)
  t.equal(await memory.update({ ...key, id: 'key_other', version: 2 }), false)
  t.same(await memory.get('w1', key.id), key)
})

t.test('an id or a hash is taken once', async (t) => {
  const { issue, memory } = keyring()
  const key = await issue()
  t.throws(() => memory.insert(key, 'another hash'), /exists/)
  t.doesNotThrow(() => memory.insert({ ...key, id: 'key_2' }, 'another hash'))
  t.throws(() => memory.insert({ ...key, id: 'key_3' }, 'another hash'), /exists/)
})

t.test('a store that fails is 503, and its message is not passed on', async (t) => {
  const fault = new Error('INSERT secret-argument')
  const never = () => new Promise<never>(() => {})
  const failing: Array<[string, Partial<KeyStore>]> = [
    ['throws', { insert () { throw fault }, get () { throw fault } }],
    ['throws what is no error', { insert () { throw untyped<Error>('secret-argument') }, get () { throw untyped<Error>(undefined) } }],
    ['rejects', { insert: () => Promise.reject(fault), get: () => Promise.reject(fault) }],
    ['never settles', { insert: never, get: never }],
    ['fails at the update', { insert: () => { throw fault }, update: () => Promise.reject(fault) }],
    ['refuses every update', { insert: () => { throw fault }, update: () => false }],
    ['answers null', { insert: () => { throw fault }, get: () => untyped(null) }],
  ]
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [what, replaced] of failing) {
    const memory = createMemoryKeyStore()
    const { keys } = keyring({ ...memory, ...replaced })
    const key: ApiKey = Object.freeze({ id: 'key_1', workspace: 'w1', environment: 'production', scopes: [], secrets: [], createdAt: new Date(0), version: 1 })
    await memory.insert(key, 'hash')
    const expected = { name: 'AccessError', code: 'KEYS_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '1', 'cache-control': 'no-store' } }
    for (const work of [keys.issue({ workspace: 'w1', scopes: [] }), keys.revoke('w1', 'key_1')]) {
      const error: unknown = await work.then(() => undefined, (error: unknown) => error)
      patterns.add(error, expected, what)
      rounds.add(String(JSON.stringify(error, Object.getOwnPropertyNames(error))).includes('secret-argument'), false)
      rounds.add(untyped<Error>(error).cause, undefined)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a store that refuses every update ends a revocation with 503 rather than never', async (t) => {
  let tried = 0
  const { keys, issue } = keyring({ update () { tried++; return false } })
  const key = await issue()
  await t.rejects(keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE' })
  const last = tried
  t.ok(last >= 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(tried, last, 'and no attempt follows')
})
