import { createKeys, type KeyEvent } from 'fastify-latchkey/keys'
import t from 'tap'
import { caller, keyring } from '../helpers/keyring.js'
import { bootError, untyped } from '../helpers/limits.js'

const by = caller(['devices:manage'], { owner: 'u1', tier: 'pro' })

t.test('every change is told, with the key as it is now and who did it', async (t) => {
  const { keys, events, clock } = keyring(t)
  const at = new Date(clock.now())
  const { key } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'] }, { by })
  const updated = await keys.update('w1', key.id, { name: 'erp', scopes: [], metadata: { a: 1 } }, { by })
  const rotated = await keys.rotate('w1', key.id, { grace: 60 }, { by })
  const expired = await keys.expire('w1', key.id, { by: caller(['devices:manage']) })
  const revoked = await keys.revoke('w1', key.id)
  const actor = { kind: 'api-key', id: 'key_caller', owner: 'u1' }
  t.same(events, [
    { type: 'key.issued', at, key, by: actor },
    { type: 'key.updated', changed: ['name', 'scopes', 'metadata'], at, key: updated.key, by: actor },
    { type: 'key.rotated', at, key: rotated.key, by: actor },
    { type: 'key.expired', at, key: expired.key, by: { kind: 'api-key', id: 'key_caller' } },
    { type: 'key.revoked', at, key: revoked.key }
  ])
})

t.test('what changes nothing, or is refused, is not told', async (t) => {
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

t.test('no event holds a text or a hash', async (t) => {
  const { keys, events } = keyring(t)
  const { key, secret } = await keys.issue({ workspace: 'w1', scopes: [] })
  const rotated = await keys.rotate('w1', key.id)
  await keys.reportExposed([rotated.secret])
  const told = JSON.stringify(events)
  for (const one of [secret, rotated.secret]) t.notMatch(told, one.slice(-49, -40))
  t.equal(events.length, 4)
})

t.test('a listener that throws or rejects breaks nothing, and its words stay behind', async (t) => {
  const listeners: Array<(event: KeyEvent) => void | Promise<void>> = [
    () => { throw new TypeError('secret-word') },
    async () => { throw new TypeError('secret-word') },
    () => untyped({ then (_resolve: unknown, reject: (fault: unknown) => void) { reject(new TypeError('secret-word')) } })
  ]
  for (const onEvent of listeners) {
    const { keys, logged } = keyring(t, { onEvent })
    const { key } = await keys.issue({ workspace: 'w1', scopes: [] })
    t.match(await keys.revoke('w1', key.id), { key: { version: 2 } })
    await new Promise(setImmediate)
    t.same(logged, ['keys.onEvent failed: TypeError', 'keys.onEvent failed: TypeError'])
  }
})

t.test('where nobody takes what went wrong, it is dropped', async (t) => {
  const { keys } = createKeys({ prefix: 'acme', onEvent () { throw new Error('x') } }, { clock: Date.now, scopes: [], deadline: 1 })
  t.match(await keys.issue({ workspace: 'w1', scopes: [] }), { key: { version: 1 } })
})

t.test('nobody waits for a listener, and nobody need listen', async (t) => {
  const slow = keyring(t, { onEvent: () => new Promise(() => {}) })
  await slow.keys.issue({ workspace: 'w1', scopes: [] })
  const deaf = keyring(t, { onEvent: undefined })
  await deaf.keys.issue({ workspace: 'w1', scopes: [] })
  t.same(deaf.events, [])
  t.match(await bootError(t, { keys: { prefix: 'acme', onEvent: untyped('x') } }), 'option keys.onEvent must be a function of the event')
})
