import { createMemoryKeyStore, MAX_SECRETS, type ApiKey } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'

const ROTATED = 'The API key was rotated; this is an earlier secret of it.'
const input = { workspace: 'w1', scopes: ['devices:read'] }
const conflict = (detail: string) => ({ name: 'AccessError', code: 'KEY_CONFLICT', statusCode: 409, message: 'The key is not in the state that this change needs.', detail, reason: detail, headers: { 'cache-control': 'no-store' } })

t.test('another secret is in force, and the earlier one dies at once', async (t) => {
  const { keys, clock, opens } = keyring(t)
  const { key, secret } = await keys.issue(input)
  clock.advance(5)
  const rotated = await keys.rotate('w1', key.id)
  t.equal(await opens(secret), ROTATED)
  t.equal(await opens(rotated.secret), true)
  t.match(rotated.secret, /^acme_live_[0-9A-Za-z]{49}$/)
  const now = new Date(clock.now())
  t.same(rotated.key, {
    ...key,
    updatedAt: now,
    version: 2,
    secrets: [
      { generation: 1, hint: secret.slice(10, 14), createdAt: key.createdAt, retiresAt: now },
      { generation: 2, hint: rotated.secret.slice(10, 14), createdAt: now }
    ]
  }, 'id, scopes and history stay')
  t.equal(rotated.effectiveWithin, 0)
  t.same(await keys.get('w1', key.id), rotated.key)
})

t.test('a sandbox key stays one', async (t) => {
  const { keys } = keyring(t)
  const { key } = await keys.issue({ ...input, environment: 'sandbox' })
  t.match((await keys.rotate('w1', key.id)).secret, /^acme_test_/)
})

t.test('with a grace, both open until it is over', async (t) => {
  const { keys, clock, opens } = keyring(t)
  const { key, secret } = await keys.issue(input)
  const rotated = await keys.rotate('w1', key.id, { grace: 60 })
  clock.advance(59.999)
  t.same([await opens(secret), await opens(rotated.secret)], [true, true])
  clock.advance(0.001)
  t.same([await opens(secret), await opens(rotated.secret)], [ROTATED, true])
})

t.test('a secret that retires already gets no more time, and none outlives the one after it', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue(input)
  const at = (seconds: number) => new Date(clock.now() + seconds * 1000)
  await keys.rotate('w1', key.id, { grace: 60 })
  t.match((await keys.rotate('w1', key.id, { grace: 600 })).key.secrets, [{ retiresAt: at(60) }, { retiresAt: at(600) }, { retiresAt: undefined }])
  t.match((await keys.rotate('w1', key.id, { grace: 30 })).key.secrets, [{ retiresAt: at(30) }, { retiresAt: at(30) }, { retiresAt: at(30) }, {}])
  clock.advance(10)
  t.match((await keys.rotate('w1', key.id)).key.secrets.map(({ retiresAt }) => retiresAt?.getTime()), [clock.now(), clock.now(), clock.now(), clock.now(), undefined])
  clock.advance(10)
  t.equal((await keys.rotate('w1', key.id)).key.secrets[0]?.retiresAt?.getTime(), clock.now() - 10_000, 'what has retired stays as it was')
})

t.test('a grace that waits for the first use begins then, once', async (t) => {
  const { keys, clock, opens, store } = keyring(t)
  const { key, secret } = await keys.issue(input)
  const rotated = await keys.rotate('w1', key.id, { grace: 60, graceFrom: 'first-use' })
  t.match(rotated.key.secrets, [{ graceAfterFirstUse: 60, retiresAt: undefined }, {}])
  clock.advance(1_000_000)
  t.equal(await opens(secret), true)

  await keys.beginGrace('w1', key.id, 1)
  await keys.beginGrace('w1', key.id, 7)
  t.equal((await keys.get('w1', key.id)).version, 2, 'a use of another secret begins nothing')
  await keys.beginGrace('w1', key.id, 2)
  clock.advance(30)
  await keys.beginGrace('w1', key.id, 2)
  t.match(await store.get('w1', key.id), { version: 3, secrets: [{ retiresAt: new Date(clock.now() + 30_000) }, {}] })
  clock.advance(30)
  t.same([await opens(secret), await opens(rotated.secret)], [ROTATED, true])
})

t.test('graces that wait for each other end in order', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue(input)
  await keys.rotate('w1', key.id, { grace: 600, graceFrom: 'first-use' })
  await keys.rotate('w1', key.id, { grace: 60, graceFrom: 'first-use' })
  await keys.beginGrace('w1', key.id, 3)
  const due = new Date(clock.now() + 60_000)
  t.match((await keys.get('w1', key.id)).secrets, [{ retiresAt: due }, { retiresAt: due }, {}], 'the first waited for a use that never came')
})

t.test('a rotation from now ends the waiting', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue(input)
  await keys.rotate('w1', key.id, { grace: 10, graceFrom: 'first-use' })
  t.match((await keys.rotate('w1', key.id, { grace: 60 })).key.secrets, [{ retiresAt: new Date(clock.now() + 10_000) }, { retiresAt: new Date(clock.now() + 60_000) }, {}])
})

t.test('a revoked key begins no grace', async (t) => {
  const { keys } = keyring(t)
  const { key } = await keys.issue(input)
  await keys.rotate('w1', key.id, { grace: 10, graceFrom: 'first-use' })
  const revoked = await keys.revoke('w1', key.id)
  await keys.beginGrace('w1', key.id, 2)
  t.same(await keys.get('w1', key.id), revoked.key)
})

t.test('the record remembers so many secrets, and the store no more', async (t) => {
  const { keys, opens } = keyring(t)
  const { key, secret } = await keys.issue(input)
  const texts: string[] = [secret]
  for (let i = 0; i < MAX_SECRETS; i++) texts.push((await keys.rotate('w1', key.id, { grace: 60 })).secret)
  t.same((await keys.get('w1', key.id)).secrets.map(({ generation }) => generation), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  t.equal(await opens(texts[0] ?? ''), undefined, 'the oldest is unknown')
  t.equal(await opens(texts[1] ?? ''), true)
})

t.test('of two at once, one succeeds', async (t) => {
  const memory = createMemoryKeyStore()
  const { keys, opens } = keyring(t, { store: { ...memory, get: async (...args) => await memory.get(...args) } })
  const { key } = await keys.issue(input)
  const both = await Promise.allSettled([keys.rotate('w1', key.id), keys.rotate('w1', key.id)])
  t.same(both.map(({ status }) => status), ['fulfilled', 'rejected'])
  t.match(both[1], { reason: conflict('The key was rotated meanwhile.') })
  t.equal(both[0].status === 'fulfilled' && await opens(both[0].value.secret), true)
})

t.test('another change in between is kept', async (t) => {
  const memory = createMemoryKeyStore()
  let raced = false
  const { keys } = keyring(t, {
    store: {
      ...memory,
      async update (key, hash) {
        if (!raced) {
          raced = true
          t.equal(await memory.update({ ...key, name: 'renamed', secrets: key.secrets.slice(0, 1) }), true)
        }
        return await memory.update(key, hash)
      }
    }
  })
  const { key } = await keys.issue(input)
  t.match((await keys.rotate('w1', key.id)).key, { name: 'renamed', version: 3, secrets: [{ generation: 1 }, { generation: 2 }] })
})

t.test('a key that is revoked or has expired, or is at another version, is not rotated', async (t) => {
  const { keys, clock } = keyring(t)
  const revoked = await keys.issue(input)
  await keys.revoke('w1', revoked.key.id)
  await t.rejects(keys.rotate('w1', revoked.key.id), conflict('The key was revoked.'))
  const expired = await keys.issue({ ...input, expiresAt: new Date(clock.now() + 1000) })
  clock.advance(1)
  await t.rejects(keys.rotate('w1', expired.key.id), conflict('The key has expired.'))
  const changed = await keys.issue(input)
  await keys.update('w1', changed.key.id, { name: 'n' })
  await t.rejects(keys.rotate('w1', changed.key.id, { version: 1 }), conflict('The key is at version 2, not 1.'))
  t.equal((await keys.rotate('w1', changed.key.id, { version: 2 })).key.version, 3)
  await t.rejects(keys.rotate('w2', changed.key.id), { code: 'KEY_NOT_FOUND' })
})

t.test('a key of an environment that is no more, or whose secrets nobody knows', async (t) => {
  const { keys, store } = keyring(t)
  const key: ApiKey = { id: 'key_1', workspace: 'w1', environment: 'staging', scopes: [], secrets: [], createdAt: new Date(0), version: 1 }
  await store.insert(key, 'hash')
  await t.rejects(keys.rotate('w1', 'key_1'), conflict('No more keys are issued for staging.'))
  await store.insert({ ...key, id: 'key_2', environment: 'production' }, 'another hash')
  t.match((await keys.rotate('w1', 'key_2')).key.secrets, [{ generation: 1 }])
})

t.test('what is no grace is refused', async (t) => {
  const { keys } = keyring(t)
  const { key } = await keys.issue(input)
  const rows: Array<[object, RegExp]> = [
    ...[-1, NaN, Infinity, '60', null, 31_536_001].map((grace): [object, RegExp] => [{ grace }, /^grace must be seconds from 0 to 31536000, not /]),
    [{ graceFrom: 'later' }, /^graceFrom must be 'now' or 'first-use', not "later"/],
    ...[0, 1.5, '1'].map((version): [object, RegExp] => [{ version }, /^version must be a whole number of at least 1, not /]),
    [{ workspace: 'w2' }, /^"workspace" is not a field of a key/]
  ]
  const patterns = collectRounds()
  for (const [given, detail] of rows) patterns.add(await rejection(keys.rotate('w1', key.id, untyped(given))), { code: 'KEY_INPUT_INVALID', statusCode: 400, detail })
  t.match(patterns.seen, patterns.expected)
  t.equal((await keys.get('w1', key.id)).version, 1)
})
