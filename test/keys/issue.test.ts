import { defineScopes, type ApiKey, type IssueInput } from 'fastify-latchkey'
import { createKeys, createMemoryKeyStore, hashSecret, type Keys, type KeyStore, type LoadedKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { bootError, guarded, untyped } from '../helpers/limits.js'

const { names: scopes } = defineScopes({ resources: { devices: ['read', 'write'] } })
const clock = fakeClock()
const input: IssueInput = { workspace: 'w1', scopes: ['devices:read'] }

function keysWith (store: KeyStore = createMemoryKeyStore()): Keys {
  return createKeys({ prefix: 'acme', store }, { clock: clock.now, scopes, deadline: 0.02 }).keys
}

/** The public detail of a refused input. */
async function detailOf (given: unknown): Promise<string> {
  const fault: unknown = await keysWith().issue(untyped(given)).catch((fault: unknown) => fault)
  return untyped<{ code?: string, statusCode?: number, detail?: string }>(fault).detail ?? 'was issued'
}

t.test('a key is issued with what was asked for, and nothing else', async (t) => {
  const expiresAt = new Date(clock.now() + 1)
  const { key, secret } = await keysWith().issue({ workspace: 'w1', scopes: ['devices:write', 'devices:read', 'devices:write'], environment: 'sandbox', name: 'nightly', owner: 'u1', tier: 'pro', expiresAt })
  t.match(secret, /^acme_test_[0-9A-Za-z]{49}$/)
  t.match(key.id, /^key_[0-9a-f-]{36}$/)
  t.same(key, {
    id: key.id,
    workspace: 'w1',
    environment: 'sandbox',
    scopes: ['devices:write', 'devices:read'],
    name: 'nightly',
    owner: 'u1',
    tier: 'pro',
    secrets: [{ generation: 1, hint: secret.slice(10, 14), createdAt: new Date(clock.now()) }],
    createdAt: new Date(clock.now()),
    expiresAt,
    version: 1,
  })
  t.ok(Object.isFrozen(key) && Object.isFrozen(key.scopes))
})

t.test('what may be left out is left out: the first environment, and no expiry', async (t) => {
  const { key, secret } = await keysWith().issue({ workspace: 'w1', scopes: [] })
  t.match(secret, /^acme_live_/)
  t.equal(key.environment, 'production')
  t.same(key.scopes, [], 'no scopes grant nothing')
  t.same(Object.keys(key).sort(), ['createdAt', 'environment', 'id', 'scopes', 'secrets', 'version', 'workspace'])
  t.same(Object.keys((await keysWith().issue({ ...input, name: undefined, expiresAt: undefined })).key).sort(), ['createdAt', 'environment', 'id', 'scopes', 'secrets', 'version', 'workspace'])
})

t.test('every wrong field is refused with its name and the fix', async (t) => {
  const long = 'x'.repeat(257)
  const rows: Array<[object, RegExp]> = [
    ...['workspace', 'name', 'owner', 'tier'].flatMap((field) => ['', long, 'a\0b', 'a\nb', '\u007f', 7, null, {}, ['w1']].map((value): [object, RegExp] =>
      [{ [field]: value }, new RegExp(`^${field} must be an? ${field} of 1 to 256 characters without control characters, not `)])),
    [{ workspace: undefined }, /^workspace must be a workspace .*, not undefined/],
    [{ scopes: undefined }, /^scopes must be an array of scopes, not undefined/],
    [{ scopes: 'devices:read' }, /^scopes must be an array of scopes, not "devices:read"/],
    [{ scopes: [1] }, /^scopes\.0 must be a scope, not 1/],
    [{ scopes: ['devices:reed'] }, /^scopes has "devices:reed", which is not declared; declared: devices:read, devices:write/],
    ...['devices:*', '*', 'devices:Read', 'devices:read devices:write', ' devices:read', '"devices:read"', 'devices:read\n', '', '__proto__', 'constructor', 'toString'].map((scope): [object, RegExp] =>
      [{ scopes: ['devices:read', scope] }, /^scopes has ".*", which is not declared/]),
    [{ environment: 'staging' }, /^environment must be one of production, sandbox, not "staging"/],
    [{ environment: '' }, /^environment must be one of/],
    [{ environment: '__proto__' }, /^environment must be one of/],
    [{ environment: 1 }, /^environment must be an environment, not 1/],
    [{ expiresAt: new Date(NaN) }, /^expiresAt must be a valid Date, not a Date/],
    [{ expiresAt: '2030-01-01' }, /^expiresAt must be a valid Date, not "2030-01-01"/],
    [{ expiresAt: Date.UTC(2030, 0) }, /^expiresAt must be a valid Date/],
    [{ expiresAt: null }, /^expiresAt must be a valid Date/],
    [{ expiresAt: new Date(clock.now()) }, /^expiresAt must be in the future/],
    [{ expiresAt: new Date(0) }, /^expiresAt must be in the future/],
    [{ expiresAt: new Date(8.64e15) }, /^expiresAt must be before the year 10000; leave it out for a key that does not expire/],
    [{ expiresAt: new Date(Date.UTC(10_000, 0, 1)) }, /^expiresAt must be before the year 10000/],
    ...['id', 'hash', 'createdAt', 'version', 'hint', 'secrets', 'generation', 'revokedAt', 'secret', 'prefix', 'constructor'].map((field): [object, RegExp] => [{ [field]: 'x' }, new RegExp(`^"${field}" is not a field of a key`)]),
    [JSON.parse('{"__proto__":{"tier":"enterprise"}}'), /^"__proto__" is not a field of a key/],
  ]
  const patterns = collectRounds()
  for (const [more, detail] of rows) patterns.add(await detailOf({ ...input, ...more }), detail)
  t.match(patterns.seen, patterns.expected)
  t.match(await detailOf(Object.assign(JSON.parse('{"__proto__":{"tier":"x"}}'), input)), /^"__proto__" is not a field of a key/)
})

t.test('an input that is no object is refused', async (t) => {
  const patterns = collectRounds()
  for (const value of [undefined, null, 7, true, [], () => {}]) patterns.add(await detailOf(value), /^workspace must be a workspace/, String(value))
  t.match(patterns.seen, patterns.expected)
  t.match(await detailOf('w1'), /is not a field of a key|^workspace must be/)
})

t.test('the last instant of the year 9999 is still a date', async (t) => {
  const { key } = await keysWith().issue({ ...input, expiresAt: new Date(Date.UTC(10_000, 0, 1) - 1) })
  t.equal(key.expiresAt?.getTime(), Date.UTC(10_000, 0, 1) - 1)
})

t.test('what an input inherits is ignored', async (t) => {
  const { key } = await keysWith().issue(Object.assign(Object.create({ tier: 'enterprise', environment: 'sandbox', owner: 'root' }), input))
  t.same([key.tier, key.environment, key.owner], [undefined, 'production', undefined])
  t.match(await detailOf(Object.create(input)), /^workspace must be/)
})

t.test('a refusal is a KEY_INPUT_INVALID for the host to answer with', async (t) => {
  await t.rejects(keysWith().issue(untyped({ ...input, workspace: '' })), { name: 'AccessError', code: 'KEY_INPUT_INVALID', statusCode: 400, headers: { 'cache-control': 'no-store' } })
})

t.test('without a working clock no key that expires is issued', async (t) => {
  const { keys } = createKeys({ prefix: 'acme' }, { clock: () => NaN, scopes, deadline: 1 })
  await t.rejects(keys.issue({ ...input, expiresAt: new Date(Date.UTC(2030, 0)) }), { code: 'KEY_INPUT_INVALID', detail: 'expiresAt must be in the future' })
})

/** Every string in an object graph, Map and Set members, keys and symbols included. */
function stringsIn (value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (Buffer.isBuffer(value)) return [value.toString('latin1'), value.toString('hex'), value.toString('base64')]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  const members = value instanceof Map ? [...value.entries()].flat() : value instanceof Set ? [...value] : []
  return [...members, ...Reflect.ownKeys(value).flatMap((key) => [key, Reflect.get(value, key)])].flatMap((one) => stringsIn(one, seen))
}

t.test('a store gets the record and the hash, and never the secret', async (t) => {
  const given: unknown[] = []
  const memory = createMemoryKeyStore()
  const keys = keysWith({ ...memory, insert (...args) { given.push(args); return memory.insert(...args) } })
  const { secret, key } = await keys.issue({ ...input, name: 'n' })
  const strings = stringsIn(given)
  t.ok(strings.includes(hashSecret(secret)))
  t.ok(strings.includes(key.id))
  const random = secret.slice(-49, -40)
  t.same(strings.filter((one) => one.includes(random)), [])
  t.same(stringsIn(memory.findByHash(hashSecret(secret))).filter((one) => one.includes(random)), [])
  t.notOk(stringsIn(await memory.get('w1', key.id)).includes(hashSecret(secret)), 'a record that may be listed has no hash either')
})

t.test('changing a record that was returned does not change the stored one', async (t) => {
  const store = createMemoryKeyStore()
  const expiresAt = new Date(clock.now() + 60_000)
  const { key, secret } = await keysWith(store).issue({ ...input, expiresAt })
  const stored = async () => untyped<ApiKey>(await store.get('w1', key.id)).expiresAt?.getTime()
  const due = clock.now() + 60_000
  expiresAt.setTime(8e15)
  key.expiresAt?.setTime(8e15)
  untyped<ApiKey>(await store.get('w1', key.id)).expiresAt?.setTime(8e15)
  const loaded = untyped<LoadedKey>(store.findByHash(hashSecret(secret)))
  loaded.principal.expiresAt?.setTime(8e15)
  t.equal(await stored(), due)
  t.equal(loaded.goodUntil, due)
})

t.test('options of keys are checked at boot', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [{ prefx: 'acme' }, /unknown option keys\.prefx; known here: prefix, tags, .*; did you mean prefix\?$/],
    [{}, /option keys\.prefix is missing; it must be lower-case letters/],
    [{ prefix: 'A' }, /option keys\.prefix must be 2 to 32 lower-case letters/],
    [{ prefix: 'acme', tags: {} }, /option keys\.tags must be \{ tag: environment \}/],
    [{ prefix: 'acme', tags: { live: '' } }, /option keys\.tags\.live must be the name of an environment, not ""/],
    [{ prefix: 'acme', tags: { Live: 'production' } }, /option keys\.tags has "Live"/],
    [{ prefix: 'acme', store: { insert () {}, findByHash () {} } }, /option keys\.store must be a key store: an object with insert, findByHash, get, list, update and recordUse/],
    [{ prefix: 'acme', secret: 'x' }, /unknown option keys\.secret; known here: prefix, tags, formats, store/],
    ['acme', /option keys must be \{ prefix: 'acme' \}, or false with resolvers of your own, not "acme"/],
  ]
  const patterns = collectRounds()
  for (const [keys, message] of rows) patterns.add(await bootError(t, untyped({ keys })), message)
  t.match(patterns.seen, patterns.expected)
  class Store {
    insert () {}
    findByHash () { return undefined }
    get () { return undefined }
    update () { return true }
    list () { return { keys: [], next: undefined } }
    recordUse () {}
  }
  const { app } = await guarded(t, { keys: { prefix: 'acme', store: new Store() } })
  await app.ready()
})
