import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'

const input = { workspace: 'w1', scopes: [] }
const unknown = 'acme_live_00000000000000000000000000000000000000000000AkbaX'

t.test('keys whose secrets were found are revoked, once, and emitted as exposed', async (t) => {
  const { keys, opens, events, types } = keyring(t)
  const [one, other, safe] = [await keys.issue(input), await keys.issue({ ...input, workspace: 'w2' }), await keys.issue(input)]
  t.same(await keys.reportExposed([one.secret, other.secret, one.secret]), { received: 3 })
  t.same([await opens(one.secret), await opens(other.secret), await opens(safe.secret)], ['The API key was revoked.', 'The API key was revoked.', true])
  t.equal((await keys.get('w1', one.key.id)).revokedReason, 'Its secret was found where others can read it.')
  t.same(types().slice(3), ['key.revoked', 'key.exposed', 'key.revoked', 'key.exposed'])
  t.match(events.at(-1), { data: { key: { id: other.key.id } } })
  await keys.reportExposed([one.secret])
  t.equal((await keys.get('w1', one.key.id)).version, 2)
  t.equal(types().length, 7, 'a revoked key is not reported again')
})

t.test('or only emitted as exposed', async (t) => {
  const { keys, opens, types } = keyring(t)
  const { key, secret } = await keys.issue(input)
  await keys.reportExposed([secret], { revoke: false })
  t.equal(await opens(secret), true)
  t.same(types(), ['key.issued', 'key.exposed'])
  t.same(await keys.get('w1', key.id), key)
})

t.test('the answer does not say which secret was real', async (t) => {
  const { keys } = keyring(t)
  const real = await keys.issue(input)
  const dead = await keys.issue(input)
  await keys.revoke('w1', dead.key.id)
  const texts: unknown[] = [real.secret, dead.secret, unknown, `${real.secret}x`, '', 'nonsense', 7, null, {}, '__proto__']
  const rounds = collectRounds()
  for (const text of texts) rounds.add(await keys.reportExposed([untyped(text)]), { received: 1 })
  t.strictSame(rounds.seen, rounds.expected)
  t.same(await keys.reportExposed([]), { received: 0 })
})

t.test('an earlier secret that has retired revokes nothing', async (t) => {
  const { keys, opens } = keyring(t)
  const { key, secret } = await keys.issue(input)
  const rotated = await keys.rotate('w1', key.id)
  await keys.reportExposed([secret])
  t.equal(await opens(rotated.secret), true)
  const again = await keys.rotate('w1', key.id, { grace: 60 })
  await keys.reportExposed([rotated.secret])
  t.equal(await opens(again.secret), 'The API key was revoked.', 'one that is still valid does')
})

t.test('a report is bounded', async (t) => {
  const { keys } = keyring(t)
  const refusal = { code: 'KEY_INPUT_INVALID', statusCode: 400, detail: 'secrets must be an array of at most 1000 secrets of keys' }
  await t.rejects(keys.reportExposed(Array(1001).fill('x')), refusal)
  const patterns = collectRounds()
  for (const texts of [undefined, null, 'acme_live_', { length: 1 }]) patterns.add(await rejection(keys.reportExposed(untyped(texts))), refusal)
  t.match(patterns.seen, patterns.expected)
  t.same(await keys.reportExposed(Array(1000).fill('x')), { received: 1000 })
})

t.test('a store that fails is 503, and a key that was deleted meanwhile is ignored', async (t) => {
  const memory = createMemoryKeyStore()
  const failing = keyring(t, { store: { ...memory, findByHash () { throw new Error('SELECT secret') } } })
  const { secret } = await failing.keys.issue(input)
  await t.rejects(failing.keys.reportExposed([secret]), { code: 'KEYS_UNAVAILABLE', statusCode: 503, reason: 'Error' })
  const gone = keyring(t, { store: { ...memory, get: () => undefined } })
  t.same(await gone.keys.reportExposed([secret]), { received: 1 })
  t.same(await gone.keys.reportExposed([secret], { revoke: false }), { received: 1 })
})
