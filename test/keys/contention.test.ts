import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { createTurns } from '../../lib/keys/turns.js'
import { keyring } from '../helpers/keyring.js'
import { gate, slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const input = { workspace: 'w1', scopes: [] }
const tick = () => new Promise((resolve) => setImmediate(resolve))

/** Other processes change the key so many times, each between the read and the write of who changes it here. */
function contested (times: number) {
  const memory = createMemoryKeyStore()
  let left = times
  const store: KeyStore = {
    ...memory,
    async update (key, hash) {
      const stored = await memory.get(key.workspace, key.id)
      if (stored !== undefined && left-- > 0) await memory.update({ ...stored, name: `n${left}`, version: stored.version + 1 })
      return await memory.update(key, hash)
    }
  }
  return { store, left: () => left }
}

t.test('a revocation goes on for as long as its deadline allows, whatever other processes change meanwhile', async (t) => {
  const { store } = contested(50)
  const { keys, opens, types } = keyring(t, { store }, { deadline: 10 })
  const { key, secret } = await keys.issue(input)
  t.match(await keys.revoke('w1', key.id), { key: { version: 52, name: 'n0', revokedAt: Date } })
  t.equal(await opens(secret), 'The API key was revoked.')
  t.same(types(), ['key.issued', 'key.revoked'])
})

t.test('any other change yields to them after ten attempts', async (t) => {
  const { store, left } = contested(50)
  const { keys } = keyring(t, { store }, { deadline: 10 })
  const { key } = await keys.issue(input)
  await t.rejects(keys.update('w1', key.id, { tier: 'pro' }), { code: 'KEYS_UNAVAILABLE', reason: 'Error' })
  t.equal(left(), 40)
})

t.test('a revocation goes before all changes that wait in its process, and loses to one at most', async (t) => {
  const store = slowStore()
  let refused = 0
  const { keys, opens } = keyring(t, {
    store: {
      ...store,
      async update (key, hash) {
        const updated = await store.update(key, hash)
        if (!updated) refused++
        return updated
      }
    }
  }, { deadline: 60 })
  const { key, secret } = await keys.issue(input)
  const before = Array.from({ length: 500 }, (_, i) => keys.update('w1', key.id, { name: `n${i}` }).then(() => 'changed', () => 'refused'))
  await tick()
  const revoked = keys.revoke('w1', key.id)
  const after = Array.from({ length: 500 }, (_, i) => keys.update('w1', key.id, { name: `m${i}` }).then(() => 'changed', () => 'refused'))
  const { key: { version } } = await revoked
  t.ok(version <= 3, `version ${version}`)
  const answers = await Promise.all([...before, ...after])
  t.ok(answers.filter((answer) => answer === 'changed').length <= 1)
  t.ok(refused <= 1, `${refused} writes were refused`)
  t.equal(await opens(secret), 'The API key was revoked.')
})

t.test('changes of one key come one after another, so that none is refused for another', async (t) => {
  const store = slowStore()
  const { keys, types } = keyring(t, { store }, { deadline: 60 })
  const { key } = await keys.issue(input)
  const changes = Array.from({ length: 100 }, (_, i) => keys.update('w1', key.id, { name: `n${i}` }))
  t.same((await Promise.all(changes)).map((changed) => changed.key.version), Array.from({ length: 100 }, (_, i) => i + 2))
  t.equal(types().length, 101)
})

t.test('a change that the store takes after the deadline is marked and told of when it does', async (t) => {
  const store = slowStore()
  const marked: Array<[string, number]> = []
  const { keys, types, opens } = keyring(t, { store }, { deadline: 0.03, mark: async ({ id }, version) => { marked.push([id, version]) } })
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
  t.same(marked, [])
  late.open()
  await until(() => marked.length > 0)
  t.same(marked, [[key.id, 2]])
  t.same(types(), ['key.issued', 'key.revoked'])
  t.equal(await opens(secret), 'The API key was revoked.')
})

t.test('so is a key that was issued too late', async (t) => {
  const store = slowStore()
  const late = gate()
  store.pause = () => late.opened
  const { keys, types } = keyring(t, { store }, { deadline: 0.03 })
  await t.rejects(keys.issue(input), { code: 'KEYS_UNAVAILABLE' })
  t.same(types(), [])
  late.open()
  await until(() => types().length > 0)
  t.same(types(), ['key.issued'])
})

t.test('no change begins once its caller was answered', async (t) => {
  const store = slowStore()
  const { keys } = keyring(t, { store }, { deadline: 0.03 })
  const { key } = await keys.issue(input)
  const answered = new Set<string>()
  const written: Array<readonly [string | undefined, boolean]> = []
  const late = gate()
  store.update = async (key, hash) => {
    written.push([key.name, answered.has(String(key.name))])
    await late.opened
    return await store.memory.update(key, hash)
  }
  const names = ['held', 'q1', 'q2', 'q3', 'q4', 'q5']
  await Promise.all(names.map(async (name) => {
    await t.rejects(keys.update('w1', key.id, { name }), { code: 'KEYS_UNAVAILABLE' })
    answered.add(name)
  }))
  const before = written.length
  late.open()
  for (let i = 0; i < 20; i++) await tick()
  t.equal(written.length, before, 'those that waited have left the line')
  t.same(written[0], ['held', false])
  t.same(written.filter(([, late]) => late), [], 'and what was written was waited for')

  const slow = gate()
  store.pause = () => slow.opened
  await t.rejects(keys.revoke('w1', key.id), { code: 'KEYS_UNAVAILABLE' })
  store.pause = tick
  slow.open()
  for (let i = 0; i < 20; i++) await tick()
  t.equal(written.length, before, 'nor does one write whose read came too late')
  t.match(await store.memory.get('w1', key.id), { name: 'held', version: 2, revokedAt: undefined })
})

t.test('turns come in the order of their asking, and who leaves the line keeps nobody waiting', async (t) => {
  const turns = createTurns()
  const order: string[] = []
  const take = (name: string, first?: boolean) => {
    const turn = turns.take('a', first)
    turn.begun.then((waited) => order.push(`${name}${waited ? '' : ' at once'}`))
    return turn
  }
  const one = take('one')
  const two = take('two')
  const three = take('three')
  const revoke = take('revoke', true)
  turns.take('b').begun.then((waited) => order.push(`another${waited ? '' : ' at once'}`))
  await tick()
  t.same(order, ['one at once', 'revoke at once', 'another at once'])
  one.end()
  one.end()
  two.end()
  await tick()
  t.equal(order.length, 3, 'the one that went before holds up the others')
  revoke.end()
  await tick()
  t.same(order.slice(3), ['three'])
  three.end()
  take('four')
  await tick()
  t.same(order.slice(4), ['four at once'])
})
