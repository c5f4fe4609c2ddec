import { Type } from '@sinclair/typebox'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import type { Principal } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'
import { lookup } from '../helpers/lookup.js'

const input = { workspace: 'w1', scopes: ['devices:read'] }

t.test('an update changes what it names, and null removes', async (t) => {
  const { keys, clock } = keyring(t)
  const expiresAt = new Date(clock.now() + 60_000)
  const { key } = await keys.issue({ ...input, name: 'erp', tier: 'free', metadata: { team: 'red' } })
  const first = await keys.update('w1', key.id, { tier: 'pro', scopes: ['devices:write', 'devices:write'], expiresAt, owner: 'u1' })
  t.same(first, { key: { ...key, tier: 'pro', scopes: ['devices:write'], expiresAt, owner: 'u1', version: 2, updatedAt: new Date(clock.now()) }, effectiveWithin: 0 })
  const { tier, owner, expiresAt: _gone, metadata, name, ...rest } = first.key
  t.same((await keys.update('w1', key.id, { name: null, tier: null, owner: null, expiresAt: null, metadata: null })).key, { ...rest, version: 3 })
  t.same(await keys.get('w1', key.id), { ...rest, version: 3 })
})

t.test('a key says when it was changed last and by whom, until the host changes it', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue(input)
  t.same([key.updatedAt, key.updatedBy], [undefined, undefined], 'not yet')
  const by: Principal = { kind: 'access-token', id: 'user_1', owner: 'ada', workspace: 'w1', environment: key.environment, scopes: ['devices:read'] }
  clock.advance(5)
  const { key: named } = await keys.update('w1', key.id, { name: 'erp' }, { by })
  t.same([named.updatedAt, named.updatedBy], [new Date(clock.now()), { kind: 'access-token', id: 'user_1', owner: 'ada' }])
  t.ok(Object.isFrozen(named.updatedBy))
  clock.advance(5)
  const { key: revoked } = await keys.revoke('w1', key.id)
  t.same([revoked.updatedAt, revoked.updatedBy], [new Date(clock.now()), undefined])
})

t.test('an update that changes nothing makes no new version', async (t) => {
  const { keys, types } = keyring(t)
  const { key } = await keys.issue({ ...input, metadata: { team: 'red' } })
  t.same((await keys.update('w1', key.id, { metadata: { team: 'red' }, name: null, scopes: ['devices:read'] })).key, key)
  t.same((await keys.update('w1', key.id, {})).key, key)
  t.same(types(), ['key.issued'])
})

t.test('the next request has another principal', async (t) => {
  const { keys, resolver, clock } = keyring(t)
  const { key, secret } = await keys.issue({ ...input, tier: 'free' })
  await keys.update('w1', key.id, { tier: 'pro', scopes: [] })
  t.match(await resolver.resolve(secret, clock.now(), lookup({ clock: clock.now })), { id: key.id, tier: 'pro', scopes: [], version: 2 })
})

t.test('a key that has expired may go on, a revoked one never', async (t) => {
  const { keys, clock, opens } = keyring(t)
  const { key, secret } = await keys.issue(input)
  await keys.expire('w1', key.id)
  t.equal(await opens(secret), 'The API key has expired.')
  const again = await keys.expire('w1', key.id)
  t.match(again, { effectiveWithin: 0, key: { version: 2, expiresAt: new Date(clock.now()) } }, 'twice is once')
  await keys.update('w1', key.id, { expiresAt: new Date(clock.now() + 1) })
  t.equal(await opens(secret), true)
  const { key: revoked } = await keys.revoke('w1', key.id)
  const patterns = collectRounds()
  for (const change of [keys.update('w1', key.id, { expiresAt: null }), keys.expire('w1', key.id), keys.update('w1', key.id, {})]) {
    patterns.add(await rejection(change), { code: 'KEY_CONFLICT', statusCode: 409, detail: 'The key was revoked.' })
  }
  t.match(patterns.seen, patterns.expected)
  t.same(await keys.get('w1', key.id), revoked)
  await t.rejects(keys.update('w2', key.id, {}), { code: 'KEY_NOT_FOUND' })
  await t.rejects(keys.expire('w1', 'a\0b'), { code: 'KEY_NOT_FOUND' }, 'an id that no database takes')
})

t.test('expiry is brought forward, and never put back, by expire', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue({ ...input, expiresAt: new Date(clock.now() + 60_000) })
  clock.advance(1)
  t.equal((await keys.expire('w1', key.id)).key.expiresAt?.getTime(), clock.now())
})

t.test('two updates at once both apply, unless a version was named', async (t) => {
  const memory = createMemoryKeyStore()
  const { keys } = keyring(t, { store: { ...memory, get: async (...args) => await memory.get(...args) } })
  const { key } = await keys.issue(input)
  await Promise.all([keys.update('w1', key.id, { name: 'n' }), keys.update('w1', key.id, { tier: 'pro' })])
  t.match(await keys.get('w1', key.id), { name: 'n', tier: 'pro', version: 3 })
  const both = await Promise.allSettled([keys.update('w1', key.id, { name: 'a', version: 3 }), keys.update('w1', key.id, { tier: 'b', version: 3 })])
  t.match(both, [{ status: 'fulfilled' }, { reason: { code: 'KEY_CONFLICT', detail: 'The key is at version 4, not 3.' } }])
})

t.test('every wrong field is refused with its name and the fix, and nothing is written', async (t) => {
  const { keys, clock } = keyring(t)
  const { key } = await keys.issue(input)
  const rows: Array<[object, RegExp]> = [
    ...['name', 'owner', 'tier'].flatMap((field) => ['', 'x'.repeat(257), 'a\nb', 7, {}].map((value): [object, RegExp] =>
      [{ [field]: value }, new RegExp(`^${field} must be an? ${field} of 1 to 256 characters without control characters, or null, not `)])),
    [{ scopes: 'devices:read' }, /^scopes must be an array of scopes, not/],
    [{ scopes: null }, /^scopes must be an array of scopes, not null/],
    [{ scopes: ['devices:reed'] }, /^scopes has "devices:reed", which is not declared/],
    ...[new Date(NaN), '2030-01-01', Date.UTC(2030, 0)].map((expiresAt): [object, RegExp] => [{ expiresAt }, /^expiresAt must be a valid Date, or null, not/]),
    ...[new Date(clock.now()), new Date(0)].map((expiresAt): [object, RegExp] => [{ expiresAt }, /^expiresAt must be in the future/]),
    [{ expiresAt: new Date(8.64e15) }, /^expiresAt must be before the year 10000/],
    ...['id', 'workspace', 'environment', 'secrets', 'createdAt', 'revokedAt', 'hash', 'lastUsedAt'].map((field): [object, RegExp] => [{ [field]: 'x' }, new RegExp(`^"${field}" is not a field of a key`)]),
    [JSON.parse('{"__proto__":{"tier":"enterprise"}}'), /^"__proto__" is not a field of a key/]
  ]
  const patterns = collectRounds()
  for (const [given, detail] of rows) patterns.add(await rejection(keys.update('w1', key.id, untyped(given))), { code: 'KEY_INPUT_INVALID', statusCode: 400, detail })
  t.match(patterns.seen, patterns.expected)
  await keys.update('w1', key.id, Object.create({ tier: 'enterprise' }))
  t.same(await keys.get('w1', key.id), key)
})

t.test('metadata are a few plain notes', async (t) => {
  const { keys } = keyring(t)
  const issue = async (metadata: unknown) => (await keys.issue({ ...input, metadata: untyped(metadata) })).key.metadata
  const good = { text: 'x'.repeat(512), number: -1.5, yes: true, none: null, [`${'n'.repeat(64)}`]: '' }
  t.same(await issue(good), good)
  t.same(await issue(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
  t.same(await issue({}), {})
  const names = await issue(JSON.parse('{"__proto__":"x","constructor":1,"toString":true}'))
  t.same(Object.entries(names ?? {}), [['__proto__', 'x'], ['constructor', 1], ['toString', true]])
  t.equal(Object.getPrototypeOf(names), Object.prototype)
  t.equal(untyped<{ polluted?: string }>({}).polluted, undefined)

  const wide = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`n${i}`, i]))
  const rows: Array<[unknown, RegExp]> = [
    ...[null, 7, 'x', [], new Date(0), new Map()].map((value): [unknown, RegExp] => [value, /^metadata must be a plain object, not /]),
    [wide, /^metadata must have at most 32 entries, not 33/],
    [{ '': 1 }, /^metadata has the name "";/],
    [{ ['n'.repeat(65)]: 1 }, /^metadata has the name "n+…; a name has 1 to 64 characters/],
    ...['x'.repeat(513), NaN, Infinity, {}, [], undefined, 1n].map((value): [unknown, RegExp] => [{ a: value }, /^metadata\."a" must be a string of at most 512 characters, a finite number, a boolean or null, not /])
  ]
  const patterns = collectRounds()
  for (const [given, detail] of rows) patterns.add(await rejection(issue(given)), { code: 'KEY_INPUT_INVALID', detail })
  t.match(patterns.seen, patterns.expected)
})

t.test('metadata have the form that the host says', async (t) => {
  const { keys } = keyring(t, { metadata: Type.Object({ team: Type.String({ description: 'the name of a team' }), cost: Type.Optional(Type.Integer()) }, { additionalProperties: false }) })
  const { key } = await keys.issue({ ...input, metadata: { team: 'red' } })
  t.same(key.metadata, { team: 'red' })
  t.same((await keys.update('w1', key.id, { metadata: { team: 'blue', cost: 7 } })).key.metadata, { team: 'blue', cost: 7 })
  t.same((await keys.update('w1', key.id, { name: 'n' })).key.metadata, { team: 'blue', cost: 7 })
  await t.rejects(keys.issue(input), { code: 'KEY_INPUT_INVALID', detail: 'metadata.team: must be the name of a team' })
  await t.rejects(keys.update('w1', key.id, { metadata: null }), { code: 'KEY_INPUT_INVALID', detail: 'metadata.team: must be the name of a team' })
  await t.rejects(keys.update('w1', key.id, { metadata: { team: 'red', cost: 1.5 } }), { code: 'KEY_INPUT_INVALID', detail: 'metadata.cost: Expected integer' })
  await t.rejects(keys.update('w1', key.id, { metadata: { team: 'red', other: 1 } }), { code: 'KEY_INPUT_INVALID', detail: 'metadata.other: Unexpected property' })
})
