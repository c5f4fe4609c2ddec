import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { gate, slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const input = { workspace: 'w1', scopes: [] }
const tick = () => new Promise((resolve) => setImmediate(resolve))

/** Other processes change the key so many times, each between the read and the write of a change here. */
function contested (times: number): KeyStore {
  const memory = createMemoryKeyStore()
  let left = times
  return {
    ...memory,
    async update (key, hash) {
      const stored = await memory.get(key.workspace, key.id)
      if (stored !== undefined && left-- > 0) await memory.update({ ...stored, name: `n${left}`, version: stored.version + 1 })
      return await memory.update(key, hash)
    }
  }
}

t.test('a revocation is tried until its deadline, whatever other processes change meanwhile', async (t) => {
  const { keys, opens, types } = keyring(t, { store: contested(50) }, { deadline: 10 })
  const { key, secret } = await keys.issue(input)
  t.match(await keys.revoke('w1', key.id), { key: { version: 52, name: 'n0', revokedAt: Date } })
  t.equal(await opens(secret), 'The API key was revoked.')
  t.same(types(), ['key.issued', 'key.revoked'])
})

t.test('so is any other change, and what the others changed is kept', async (t) => {
  const { keys, types } = keyring(t, { store: contested(10) }, { deadline: 10 })
  const { key } = await keys.issue(input)
  t.match(await keys.update('w1', key.id, { tier: 'pro' }), { key: { version: 12, name: 'n0', tier: 'pro' } })
  t.same(types(), ['key.issued', 'key.updated'])
})

t.test('a change that others are faster than until its deadline is 503, and is not written later', async (t) => {
  const { keys, store } = keyring(t, { store: contested(Infinity) }, { deadline: 0.05 })
  const { key } = await keys.issue(input)
  await t.rejects(keys.update('w1', key.id, { tier: 'pro' }), { code: 'KEYS_UNAVAILABLE', reason: 'DeadlineExceeded' })
  const after = await store.get('w1', key.id)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.same(await store.get('w1', key.id), after)
  t.equal(after?.tier, undefined)
})

t.test('a revocation gets through among a thousand other changes at once', async (t) => {
  const { keys, opens } = keyring(t, { store: slowStore() }, { deadline: 60 })
  const { key, secret } = await keys.issue(input)
  const rename = (name: string) => keys.update('w1', key.id, { name }).then(() => 'changed', () => 'refused')
  const before = Array.from({ length: 500 }, (_, i) => rename(`n${i}`))
  await tick()
  const revoked = keys.revoke('w1', key.id)
  const after = Array.from({ length: 500 }, (_, i) => rename(`m${i}`))
  const { key: { version } } = await revoked
  t.ok(version < 100, `revoked at version ${version}`)
  const answers = await Promise.all([...before, ...after])
  t.equal(answers.filter((answer) => answer === 'changed').length, version - 2, 'all that came later were refused')
  t.equal(await opens(secret), 'The API key was revoked.')
})

t.test('a hundred changes at once all apply, one after another', async (t) => {
  const { keys, types } = keyring(t, { store: slowStore() }, { deadline: 60 })
  const { key } = await keys.issue(input)
  const changes = await Promise.all(Array.from({ length: 100 }, (_, i) => keys.update('w1', key.id, { name: `n${i}` })))
  const versions = changes.map((changed) => changed.key.version).sort((a, b) => a - b)
  t.same(versions, Array.from({ length: 100 }, (_, i) => i + 2))
  t.equal(types().length, 101)
})

t.test('of many rotations at once one succeeds, and the others are conflicts', async (t) => {
  const rounds = collectRounds()
  for (const store of [createMemoryKeyStore(), slowStore()]) {
    const { keys, opens } = keyring(t, { store }, { deadline: 60 })
    const { key } = await keys.issue(input)
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => keys.rotate('w1', key.id)))
    const secrets = results.flatMap((result) => result.status === 'fulfilled' ? [result.value.secret] : [])
    const codes = results.flatMap((result) => result.status === 'rejected' ? [result.reason.code] : [])
    rounds.add(codes, Array(19).fill('KEY_CONFLICT'))
    rounds.add(await opens(secrets[0] ?? ''), true)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a change that the store takes after the deadline is published and emitted when it does', async (t) => {
  const store = slowStore()
  const published: Array<[string, number]> = []
  const { keys, types, opens } = keyring(t, { store }, { deadline: 0.2, publishVersion: async ({ id }, version) => { published.push([id, version]) } })
  const { key, secret } = await keys.issue(input)
  const late = gate()
  let writing = false
  store.update = async (key, hash) => {
    writing = true
    await late.opened
    return await store.memory.update(key, hash)
  }
  await t.rejects(keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE', statusCode: 503 })
  t.ok(writing)
  t.same(published, [])
  late.open()
  await until(() => published.length > 0)
  t.same(published, [[key.id, 2]])
  t.same(types(), ['key.issued', 'key.revoked'])
  t.equal(await opens(secret), 'The API key was revoked.')
})

t.test('so is a key that was issued too late', async (t) => {
  const store = slowStore()
  const late = gate()
  store.pause = () => late.opened
  const { keys, types } = keyring(t, { store }, { deadline: 0.2 })
  await t.rejects(keys.issue(input), { code: 'KEYS_UNAVAILABLE' })
  t.same(types(), [])
  late.open()
  await until(() => types().length > 0)
  t.same(types(), ['key.issued'])
})

t.test('no change is written once its caller was answered', async (t) => {
  const store = slowStore()
  const { keys } = keyring(t, { store }, { deadline: 0.2 })
  const { key } = await keys.issue(input)
  const writes: number[] = []
  store.update = async (...change) => {
    writes.push(change.length)
    return await store.memory.update(...change)
  }
  const slow = gate()
  store.pause = () => slow.opened
  await t.rejects(keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE' })
  store.pause = tick
  slow.open()
  for (let i = 0; i < 20; i++) await tick()
  t.same(writes, [], 'its read came too late')
  t.match(await store.memory.get('w1', key.id), { version: 1, revokedAt: undefined })
})
