import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { caller, keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'

const base = { workspace: 'w1', scopes: [] }
const missing = { name: 'AccessError', code: 'KEY_NOT_FOUND', statusCode: 404, message: 'There is no such key.', detail: undefined, reason: undefined }

t.test('a caller hands out what it holds, and what that implies', async (t) => {
  const { keys } = keyring(t)
  const rounds = collectRounds()
  for (const [held, wanted] of [
    [['devices:manage'], ['devices:read', 'devices:write', 'devices:manage']],
    [['reports:export'], ['reports:read']],
    [['devices:read', 'reports:read'], ['reports:read']],
    [['devices:read'], []],
    [[], []]
  ]) rounds.add((await keys.issue({ workspace: 'w1', scopes: wanted ?? [] }, { by: caller(held ?? []) })).key.scopes, wanted)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('never more: 403 that says what the key would hold and what the caller does', async (t) => {
  const { keys, types } = keyring(t, {}, { realm: 'acme' })
  const error = await keys.issue({ workspace: 'w1', scopes: ['devices:read', 'devices:write'] }, { by: caller(['devices:read']) }).catch((fault: unknown) => fault)
  t.match(error, {
    name: 'AccessError',
    code: 'INSUFFICIENT_SCOPE',
    statusCode: 403,
    message: 'The credential lacks a scope that this operation requires.',
    detail: 'The key holds devices:read, devices:write; the credential that manages it grants devices:read.',
    reason: 'principal key_caller lacks devices:write',
    extensions: { required: [['devices:read', 'devices:write']], granted: ['devices:read'] },
    headers: { 'www-authenticate': 'Bearer realm="acme", error="insufficient_scope", scope="devices:read devices:write"', 'cache-control': 'no-store' }
  })
  const patterns = collectRounds()
  for (const [held, wanted] of [[[], ['devices:read']], [['devices:write'], ['devices:read']], [['devices:read', 'devices:write'], ['devices:manage']], [['reports:read'], ['reports:export']], [['*', 'devices:*', '__proto__'], ['devices:read']]]) {
    patterns.add(await rejection(keys.issue({ workspace: 'w1', scopes: wanted ?? [] }, { by: caller(held ?? []) })), { code: 'INSUFFICIENT_SCOPE' }, `${held} → ${wanted}`)
  }
  t.match(patterns.seen, patterns.expected)
  await t.rejects(keys.issue({ workspace: 'w1', scopes: ['devices:read'] }, { by: caller([]) }), { code: 'INSUFFICIENT_SCOPE', detail: /grants nothing\.$/ })
  t.same(types(), [])
})

t.test('scopes of a level do not reach above it', async (t) => {
  const { keys } = keyring(t, {}, { scopes: ['READ', 'WRITE'], expand: (scopes) => scopes.includes('WRITE') ? ['READ', 'WRITE'] : scopes })
  await t.rejects(keys.issue({ ...base, scopes: ['WRITE'] }, { by: caller(['READ']) }), { code: 'INSUFFICIENT_SCOPE' })
  t.same((await keys.issue({ ...base, scopes: ['READ'] }, { by: caller(['WRITE']) })).key.scopes, ['READ'])
})

t.test('a new key has the owner, tier and environment of its issuer', async (t) => {
  const { keys } = keyring(t)
  const by = caller([], { owner: 'u1', tier: 'free', environment: 'sandbox' })
  t.match((await keys.issue(base, { by })).key, { owner: 'u1', tier: 'free', environment: 'sandbox' })
  t.match((await keys.issue({ ...base, owner: undefined, tier: undefined }, { by })).key, { owner: 'u1', tier: 'free' })
})

t.test('only in its workspace and environment', async (t) => {
  const { keys } = keyring(t)
  await t.rejects(keys.issue({ ...base, workspace: 'w2' }, { by: caller([]) }), missing)
  await t.rejects(keys.issue({ ...base, environment: 'sandbox' }, { by: caller([]) }), {
    code: 'WRONG_ENVIRONMENT', statusCode: 403, detail: 'The key would belong to sandbox; the credential that issues it belongs to production.'
  })
  await t.rejects(keys.issue(base, { by: caller([], { environment: 'staging' }) }), { code: 'KEY_INPUT_INVALID', detail: 'environment must be one of production, sandbox, not "staging"' })

  const { key } = await keys.issue(base)
  const patterns = collectRounds()
  for (const by of [caller([], { workspace: 'w2' }), caller([], { environment: 'sandbox' })]) {
    for (const workspace of ['w1', by.workspace]) {
      patterns.add(await rejection(keys.get(workspace, key.id, { by })), missing)
      patterns.add(await rejection(keys.update(workspace, key.id, { name: 'n' }, { by })), missing)
      patterns.add(await rejection(keys.rotate(workspace, key.id, {}, { by })), missing)
      patterns.add(await rejection(keys.expire(workspace, key.id, { by })), missing)
      patterns.add(await rejection(keys.revoke(workspace, key.id, {}, { by })), missing)
    }
  }
  t.match(patterns.seen, patterns.expected)
  t.same(await keys.get('w1', key.id, { by: caller([]) }), key)
})

t.test('who may do less than a key neither rotates it nor describes it; taking away from it is allowed', async (t) => {
  const { keys, opens } = keyring(t)
  const { key, secret } = await keys.issue({ ...base, scopes: ['devices:manage'] })
  const weak = { by: caller(['devices:read', 'api_keys:manage']) }
  await t.rejects(keys.rotate('w1', key.id, {}, weak), { code: 'INSUFFICIENT_SCOPE', statusCode: 403 })
  await t.rejects(keys.update('w1', key.id, { name: 'n' }, weak), { code: 'INSUFFICIENT_SCOPE' })
  await t.rejects(keys.update('w1', key.id, { scopes: ['devices:write', 'devices:read'], name: 'n' }, weak), { code: 'INSUFFICIENT_SCOPE' })
  t.same(await keys.get('w1', key.id), key)
  t.equal(await opens(secret), true)
  t.match(await keys.update('w1', key.id, { scopes: ['devices:write', 'devices:read'] }, weak), { key: { version: 2, scopes: ['devices:write', 'devices:read'] } })
  t.match(await keys.update('w1', key.id, {}, weak), { key: { version: 2 } }, 'nothing is no change')
  t.match(await keys.revoke('w1', key.id, {}, weak), { key: { version: 3, revokedAt: Date } })

  const own = (await keys.issue({ ...base, scopes: ['devices:read'] })).key
  await t.rejects(keys.update('w1', own.id, { scopes: ['devices:write'] }, weak), { code: 'INSUFFICIENT_SCOPE' })
  t.match(await keys.update('w1', own.id, { scopes: ['api_keys:read'] }, weak), { key: { scopes: ['api_keys:read'] } })
  t.match(await keys.rotate('w1', own.id, {}, weak), { key: { version: 3 } })
  t.match(await keys.expire('w1', own.id, weak), { key: { version: 4 } })
})

t.test('scopes that are declared no more are nobody\'s to hand out', async (t) => {
  const { keys, store } = keyring(t)
  await store.insert({ id: 'key_1', workspace: 'w1', environment: 'production', scopes: ['gone:read'], secrets: [], createdAt: new Date(0), version: 1 }, 'hash')
  await t.rejects(keys.rotate('w1', 'key_1', {}, { by: caller(['devices:manage']) }), { code: 'INSUFFICIENT_SCOPE' })
})

t.test('grants says what a principal may do', async (t) => {
  const { keys } = keyring(t)
  t.equal(keys.grants(caller(['devices:manage']), ['devices:read', 'devices:write']), true)
  t.equal(keys.grants(caller(['devices:write']), ['devices:read']), false)
  t.equal(keys.grants(caller([]), []), true)
  t.equal(keys.grants(caller([]), untyped(['__proto__'])), false)
})

t.test('without a catalogue of what implies what, scopes are themselves', async (t) => {
  const { keys } = keyring(t, {}, { expand: undefined })
  t.equal(keys.grants(caller(['devices:manage']), ['devices:read']), false)
  t.equal(keys.grants(caller(['devices:manage']), ['devices:manage']), true)
})
