import { createKeys } from 'fastify-latchkey/keys'
import t from 'tap'
import { keyEventOf } from '../../lib/keys/lifecycle/events.js'
import { collectRounds } from '../helpers/collect.js'
import { caller, keyring } from '../helpers/keyring.js'
import { day, keyOf } from '../helpers/notices.js'

const by = caller(['devices:manage'], { owner: 'u1', tier: 'pro' })

t.test('every change is an event, with the key and who did it', async (t) => {
  const { keys, events, clock } = keyring(t)
  const at = new Date(clock.now())
  const { key } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'], name: 'erp' }, { by })
  await keys.update('w1', key.id, { name: null, scopes: [], metadata: { a: 1 } }, { by })
  const { key: { secrets } } = await keys.rotate('w1', key.id, { grace: 60 }, { by })
  await keys.expire('w1', key.id, { by: caller(['devices:manage']), from: { ip: '192.0.2.1', requestId: 'r1' } })
  await keys.revoke('w1', key.id)
  const actor = { kind: 'api-key', id: 'key_caller', owner: 'u1' }
  const [hint, newHint] = secrets.map((secret) => secret.hint)
  const about = { id: key.id, environment: 'production', owner: 'u1', hint: newHint }
  t.same(events.map(({ id, ...event }) => event), [
    { type: 'key.issued', at, workspace: 'w1', by: actor, data: { key: { ...about, name: 'erp', hint } } },
    { type: 'key.updated', at, workspace: 'w1', by: actor, data: { key: { ...about, hint }, changed: ['name', 'scopes', 'metadata'] } },
    { type: 'key.rotated', at, workspace: 'w1', by: actor, data: { key: about, earlierRetiresAt: new Date(at.getTime() + 60_000).toISOString() } },
    { type: 'key.expired', at, workspace: 'w1', by: { kind: 'api-key', id: 'key_caller' }, from: { ip: '192.0.2.1', requestId: 'r1' }, data: { key: about, expiresAt: at.toISOString() } },
    { type: 'key.revoked', at, workspace: 'w1', data: { key: about } }
  ])
  t.equal(new Set(events.map(({ id }) => id)).size, 5)
})

t.test('what changes nothing, or is refused, is no event', async (t) => {
  const { keys, types, clock } = keyring(t)
  const { key } = await keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(clock.now() + 1) })
  await keys.update('w1', key.id, {})
  await t.rejects(keys.update('w1', key.id, { version: 9, name: 'n' }))
  await keys.expire('w1', key.id)
  await keys.expire('w1', key.id)
  await t.rejects(keys.rotate('w1', key.id))
  await keys.revoke('w1', key.id)
  await keys.revoke('w1', key.id)
  t.same(types(), ['key.issued', 'key.expired', 'key.revoked'])
})

t.test('no event holds a secret or a hash', async (t) => {
  const { keys, events } = keyring(t)
  const { key, secret } = await keys.issue({ workspace: 'w1', scopes: [] })
  const rotated = await keys.rotate('w1', key.id)
  await keys.reportExposed([rotated.secret])
  t.equal(events.length, 4)
  const rounds = collectRounds()
  for (const one of [secret, rotated.secret]) rounds.add(String(JSON.stringify(events)).includes(one.slice(-45, -40)), false)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('keys work without an emitter, without listeners and without a log', async (t) => {
  const publishVersion = async () => { throw new Error('down') }
  const { keys, close } = createKeys({ prefix: 'acme' }, { clock: Date.now, scopes: [], deadline: 1, publishVersion })
  const { key } = await keys.issue({ workspace: 'w1', scopes: [] })
  t.match(await keys.revoke('w1', key.id), { key: { version: 2 } }, 'nor need anybody log failures')
  await close()
  const unheard = { hasListeners: () => false, hasDurableListeners: () => false, async emit () { throw new Error('was emitted') }, on: () => () => {}, onDurable: () => () => {}, async idle () {} }
  const silent = keyring(t, {}, { events: unheard })
  t.match(await silent.keys.issue({ workspace: 'w1', scopes: [] }), { key: { version: 1 } })
})

t.test('an expiry has one id, whenever it was noticed; each report of a leak has another', async (t) => {
  const key = keyOf({ expiresAt: day(1), secrets: [] })
  const expired = keyEventOf({ type: 'key.expired' }, key, day(1))
  t.equal(keyEventOf({ type: 'key.expired' }, key, day(2)).id, expired.id)
  t.match(expired, { at: day(1), data: { key: { hint: undefined }, expiresAt: day(1).toISOString() } })
  t.match(keyEventOf({ type: 'key.expired' }, keyOf(), day(3)), { at: day(3) })
  t.match(keyEventOf({ type: 'key.issued' }, key, day(1)), { data: { expiresAt: day(1).toISOString() } })
  t.not(keyEventOf({ type: 'key.exposed' }, key, day(1)).id, keyEventOf({ type: 'key.exposed' }, key, day(2)).id)
})

t.test('a rotation says how long the earlier secret stays valid', async (t) => {
  const [first] = keyOf().secrets
  const rotated = (earlier: object) => keyEventOf({ type: 'key.rotated' }, keyOf({ secrets: first === undefined ? [] : [{ ...first, ...earlier }, { ...first, generation: 2 }] }), day(1)).data
  t.match(rotated({ retiresAt: day(2) }), { earlierRetiresAt: day(2).toISOString(), earlierRetiresAfterFirstUse: undefined })
  t.match(rotated({ retiresAt: day(1) }), { earlierRetiresAt: undefined, earlierRetiresAfterFirstUse: undefined })
  t.match(rotated({ graceAfterFirstUse: 60 }), { earlierRetiresAt: undefined, earlierRetiresAfterFirstUse: 60 })
  t.match(rotated({}), { earlierRetiresAt: undefined, earlierRetiresAfterFirstUse: undefined })
})
