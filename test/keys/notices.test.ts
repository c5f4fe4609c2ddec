import type { ApiKey } from 'fastify-latchkey/keys'
import t from 'tap'
import { noticesOf } from '../../lib/keys/notices/notices.js'
import { day, DAY, keyOf, rules, short } from '../helpers/notices.js'

function at (key: ApiKey, days: number, noticed: readonly string[] = []) {
  const { due, noticed: now, next } = noticesOf(key, noticed, day(days).getTime(), rules)
  return { due: due.map(short), noticed: now, next: next === undefined ? undefined : (next - day(0).getTime()) / DAY / 1000 }
}

const key = keyOf({ expiresAt: day(60) })
const name = (threshold: number, expiry = day(60)) => `expiring:${expiry.getTime()}:${threshold * DAY}`
const expired = `expired:${day(60).getTime()}`

t.test('each threshold before the expiry is due as it passes, and then the expiry', async (t) => {
  t.same(at(key, 0), { due: [], noticed: [], next: 30 })
  t.same(at(key, 29.9), { due: [], noticed: [], next: 30 })
  t.same(at(key, 30), { due: ['key.expiring 30'], noticed: [name(30)], next: 53 })
  t.same(at(key, 53, [name(30)]), { due: ['key.expiring 7'], noticed: [name(30), name(7)], next: 59 })
  t.same(at(key, 59, [name(30), name(7)]), { due: ['key.expiring 1'], noticed: [name(30), name(7), name(1)], next: 60 })
  t.same(at(key, 60, [name(30), name(7), name(1)]), { due: ['key.expired'], noticed: [name(30), name(7), name(1), expired], next: undefined })
  t.same(at(key, 61, [name(1), expired]), { due: [], noticed: [name(1), expired], next: undefined })
})

t.test('of several that have passed the last one is due, and those before it never', async (t) => {
  t.same(at(key, 54), { due: ['key.expiring 7'], noticed: [name(7)], next: 59 })
  t.same(at(key, 80), { due: ['key.expired'], noticed: [expired], next: undefined })
  t.same(at(key, 40, [name(7)]), { due: [], noticed: [name(7)], next: 59 }, 'not when the clock steps back either')
  t.same(at(key, 10, [expired]).next, undefined)
})

t.test('a renewed key has the notices of its new expiry alone, and no notice again where the old one comes back', async (t) => {
  const renewed = { ...key, expiresAt: day(100) }
  t.same(at(renewed, 60, [name(30), name(7)]), { due: [], noticed: [name(30), name(7)], next: 70 })
  t.same(at(renewed, 70, [name(30)]), { due: ['key.expiring 30'], noticed: [name(30), name(30, day(100))], next: 90 })
  t.same(at(key, 54, [name(7), name(30, day(100))]).due, [])
})

t.test('a key without an expiry, and a revoked one, have none', async (t) => {
  t.same(at(keyOf(), 60), { due: [], noticed: [], next: 90 })
  t.same(at({ ...key, revokedAt: day(1) }, 80, ['x']), { due: [], noticed: ['x'], next: undefined })
})

t.test('an old secret has one notice, unless its key has expired or will have', async (t) => {
  const lasting = keyOf()
  t.same(at(lasting, 90), { due: ['key.rotation_due'], noticed: ['rotation:1'], next: undefined })
  t.same(at(lasting, 500, ['rotation:1']).due, [])
  const rotated = { ...lasting, secrets: [...lasting.secrets, { generation: 2, hint: 'xyz0', createdAt: day(91) }] }
  t.same(at(rotated, 91, ['rotation:1']), { due: [], noticed: ['rotation:1'], next: 181 })
  t.same(at(rotated, 181, ['rotation:1']).due, ['key.rotation_due'])
  t.same(at({ ...lasting, expiresAt: day(90) }, 89).next, 90)
  t.same(at({ ...lasting, expiresAt: day(95) }, 96).due, ['key.expired'])
  t.same(at({ ...lasting, expiresAt: day(95) }, 90).due, ['key.expiring 7', 'key.rotation_due'])
  t.same(noticesOf(lasting, [], day(500).getTime(), { ...rules, rotationAge: undefined }), { due: [], noticed: [], next: undefined })
  t.same(at({ ...lasting, secrets: [] }, 500).due, [])
})

t.test('a notice has one id, whichever process emits it and when', async (t) => {
  const idOf = (key: ApiKey, days: number) => noticesOf(key, [], day(days).getTime(), rules).due.map(({ id }) => id).join()
  t.match(idOf(key, 30), /^evt_[0-9a-f]{32}$/)
  t.equal(idOf(key, 30), idOf({ ...key, name: 'renamed', version: 7 }, 31))
  const others = [idOf(key, 53), idOf(key, 60), idOf({ ...key, id: 'key_2' }, 30), idOf({ ...key, expiresAt: day(61) }, 31), idOf(keyOf(), 90)]
  t.equal(new Set([idOf(key, 30), ...others]).size, 6)
})

t.test('a notice names the key and the instants, and no secret', async (t) => {
  const named = keyOf({ id: 'key_1', name: 'CI', owner: 'ada', expiresAt: day(100) })
  const view = { id: 'key_1', environment: 'production', name: 'CI', owner: 'ada', hint: 'aBc9' }
  t.match(noticesOf(named, [], day(93).getTime(), rules).due, [
    { type: 'key.expiring', at: day(93), workspace: 'w1', data: { key: view, expiresAt: day(100).toISOString(), threshold: 7 * DAY } },
    { type: 'key.rotation_due', at: day(93), workspace: 'w1', data: { key: view, rotatedAt: day(0).toISOString(), age: 90 * DAY } }
  ])
  t.match(noticesOf(named, [], day(101).getTime(), rules).due, [{ type: 'key.expired', at: day(100), data: { key: view, expiresAt: day(100).toISOString() } }])
})

t.test('a bounded number of names of notices is remembered', async (t) => {
  const many = Array.from({ length: 32 }, (_, i) => `old:${i}`)
  const { noticed } = at(key, 30, many)
  t.equal(noticed.length, 32)
  t.equal(noticed.at(-1), name(30))
})
