import { createHash, createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createMemoryKeyStore, createProcessChanges, type ForeignFormat, type ImportRow, type Keys, type KeyStore } from 'fastify-latchkey/keys'
import t, { type Test } from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { settled } from '../helpers/events.js'
import { bootError, guarded, scopes, untyped } from '../helpers/limits.js'

const sha256 = (text: string) => createHash('sha256').update(text)
const hex = (text: string): string => sha256(text).digest('hex')
const formats: Record<string, ForeignFormat> = { old: { prefix: 'old_', hash: 'sha256' } }
const row = (secret: string, more: Partial<ImportRow> = {}): ImportRow => ({ hash: hex(secret), workspace: 'w1', scopes: [], ...more })

/** A server whose keys were imported from another system. */
async function host (t: Test, given: Record<string, ForeignFormat> = formats, store: KeyStore = createMemoryKeyStore()) {
  const made = await guarded(t, { keys: { prefix: 'acme', store, formats: given }, resolvers: undefined }, (app) => {
    app.get('/', { schema: { security: [{ apiKey: [] }] } }, async ({ principal }) => ({ id: principal?.id, scopes: principal?.scopes }))
  })
  await made.app.ready()
  const { keys } = made.app.latchkey
  async function ask (secret: string): Promise<unknown[]> {
    const answer = await made.app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
    return [answer.statusCode, answer.json().code ?? answer.json().id]
  }
  return { ...made, keys, store, ask }
}

/** The ids of imported rows; the reasons of those that were refused. */
async function imported (keys: Keys, rows: readonly ImportRow[], format = 'old'): Promise<string[]> {
  return (await keys.import(rows, { format })).map((one) => one.status === 'refused' ? one.reason : `${one.status} ${one.id}`)
}

t.test('a secret of the old system is let in with what its row says, and calling again changes nothing', async (t) => {
  const { keys, ask, clock } = await host(t)
  t.same(await ask('old_1'), [401, 'CREDENTIAL_INVALID'])
  const createdAt = new Date(clock.now() - 1000)
  const given = { id: 'k1', name: 'ERP', owner: 'ada', tier: 'pro', environment: 'sandbox', createdAt, expiresAt: new Date(clock.now() + 60_000), lastUsedAt: new Date(clock.now()), metadata: { team: 'a' } }
  const rows = [row('old_1', { ...given, hint: 'old_', scopes: [scopes.names[0] ?? ''] }), row('old_2', { id: 'k2' })]
  t.same(await imported(keys, rows), ['imported k1', 'imported k2'])
  t.same(await imported(keys, rows), ['exists k1', 'exists k2'])
  t.same([await ask('old_1'), await ask('old_2'), await ask('old_3')], [[200, 'k1'], [200, 'k2'], [401, 'CREDENTIAL_INVALID']])
  const { secrets, ...key } = await keys.get('w1', 'k1')
  t.same(key, { ...given, workspace: 'w1', scopes: [scopes.names[0]], version: 1, scopesUsedAt: {} })
  t.same(secrets, [{ generation: 1, hint: 'old_', createdAt }])
  clock.advance(60)
  t.same(await ask('old_1'), [401, 'CREDENTIAL_INVALID'], 'it expires')
})

t.test('an imported key has the whole life of a key', async (t) => {
  const { app, keys, ask } = await host(t)
  const seen: string[] = []
  app.latchkey.events.on('*', ({ type }) => { seen.push(type) })
  t.same(await imported(keys, [row('old_1', { id: 'k1' }), row('old_2', { id: 'k2' }), row('old_3', { id: 'k3' })]), ['imported k1', 'imported k2', 'imported k3'])
  t.same((await keys.list('w1')).keys.map(({ id }) => id).sort(), ['k1', 'k2', 'k3'])
  const { secret } = await keys.rotate('w1', 'k1', { grace: 60 })
  t.match(secret, keys.secretPattern)
  t.same([await ask(secret), await ask('old_1')], [[200, 'k1'], [200, 'k1']], 'the old one in its grace period')
  await keys.rotate('w1', 'k1')
  t.same([await ask(secret), await ask('old_1')], [[401, 'CREDENTIAL_INVALID'], [401, 'CREDENTIAL_INVALID']])
  await keys.revoke('w1', 'k2')
  t.same(await ask('old_2'), [401, 'CREDENTIAL_INVALID'])
  t.same(await keys.reportExposed(['old_3', 'old_unknown', 'no form']), { received: 3 })
  t.same(await ask('old_3'), [401, 'CREDENTIAL_INVALID'])
  await settled()
  t.same(seen, ['key.rotated', 'key.retiring_secret_used', 'key.rotated', 'key.revoked', 'key.revoked', 'key.exposed'], 'an import emits nothing')
})

t.test('hashes are read as other systems write them', async (t) => {
  const rest = (text: string): string => text.slice('sk-'.length)
  const sha512 = (text: string) => createHash('sha512').update(text)
  const hmac = (text: string) => createHmac('sha256', 'pepper').update(text)
  const all: Array<[ForeignFormat, secret: string, ...hashes: string[]]> = [
    [{ prefix: 'a_', hash: 'sha256' }, 'a_1', sha256('a_1').digest('hex'), sha256('a_1').digest('hex').toUpperCase(), sha256('a_1').digest('base64'), sha256('a_1').digest('base64url')],
    [{ prefix: 'sk-', hash: 'sha512', hashed: 'rest' }, 'sk-1', sha512(rest('sk-1')).digest('hex'), sha512(rest('sk-1')).digest('base64')],
    [{ pattern: /[0-9A-F]{8}/gi, hash: { hmac: 'sha256', pepper: 'pepper' }, hashed: 'whole' }, 'ABCDEF01', hmac('ABCDEF01').digest('hex')],
    [{ prefix: 'fn_', hash: (secret) => `made of ${secret.length}` }, 'fn_123', 'made of 6']
  ]
  const { keys, ask } = await host(t, Object.fromEntries(all.map(([format], i) => [`f${i}`, format])))
  const answers: unknown[] = []
  for (const [i, [, secret, ...hashes]] of all.entries()) {
    const rows = hashes.map((hash) => ({ hash, workspace: 'w1', scopes: [], id: `k${i}` }))
    answers.push([...new Set(await imported(keys, rows, `f${i}`))].sort(), await ask(secret), await ask(secret))
  }
  t.same(answers, all.flatMap(([, , ...hashes], i) => [[...hashes.length > 1 ? [`exists k${i}`] : [], `imported k${i}`], [200, `k${i}`], [200, `k${i}`]]))
  t.same([await ask('ABCDEF0'), await ask('xABCDEF01')], [[401, 'CREDENTIAL_INVALID'], [401, 'CREDENTIAL_INVALID']], 'a pattern is of the whole text')
})

t.test('scopes are mapped by the host, and an unknown one refuses its row alone', async (t) => {
  const { keys } = await host(t)
  const [one, other] = scopes.names
  const rows = [row('old_1', { id: 'k1', scopes: ['read', 'write'] }), row('old_2', { scopes: ['read', 'admin'] }), row('old_3', { scopes: [] })]
  const results = await keys.import(rows, { format: 'old', scopesOf: (name) => name === 'read' ? [one ?? ''] : name === 'write' ? [one ?? '', other ?? ''] : undefined })
  t.match(results, [{ status: 'imported', id: 'k1' }, { status: 'refused', reason: 'scopes has "admin", for which scopesOf has no answer' }, { status: 'imported', id: /^key_/ }])
  t.same((await keys.get('w1', 'k1')).scopes, [one, other])
})

t.test('a row that is wrong says what is wrong with it, and the others are imported', async (t) => {
  const { keys } = await host(t)
  const wrong: Array<[Partial<ImportRow>, string]> = [
    [{ hash: '' }, 'hash must be the stored hash of a secret, not ""'],
    [{ hash: hex('x').slice(1) }, 'hash is none of the format old'],
    [{ hash: '!'.repeat(43) }, 'hash is none of the format old'],
    [{ hash: `${createHash('sha256').update('x').digest('base64')}!` }, 'hash is none of the format old'],
    [{ workspace: '' }, 'workspace must be a workspace of 1 to 256 characters without control characters, not ""'],
    [{ scopes: ['nothing'] }, `scopes has "nothing", which is not declared; declared: ${scopes.names.join(', ')}`],
    [{ expiresAt: new Date(0) }, 'expiresAt must be in the future'],
    [{ environment: 'moon' }, 'environment must be one of production, sandbox, not "moon"'],
    [untyped({ revokedAt: new Date(0) }), '"revokedAt" is not a field of a key']
  ]
  const rows = [...wrong.map(([more], i) => row(`old_${i}`, more)), row('old_9', { id: 'k9' }), row('old_10', { id: 'k9' })]
  t.same(await imported(keys, rows), [...wrong.map(([, reason]) => reason), 'imported k9', 'id "k9" is that of another key'])
  const faults = [keys.import([], { format: 'new' }), keys.import(untyped('rows'), { format: 'old' }), keys.import(Array.from({ length: 1001 }, () => row('old_1')), { format: 'old' })]
  t.match(await Promise.allSettled(faults), [
    { reason: { code: 'KEY_INPUT_INVALID', reason: 'format must be one of keys.formats (old), not "new"' } },
    { reason: { code: 'KEY_INPUT_INVALID', reason: 'rows must be an array of at most 1000' } },
    { reason: { code: 'KEY_INPUT_INVALID', reason: 'rows must be an array of at most 1000' } }
  ])
  await t.rejects(keys.import([row('old_20', { scopes: ['x'] })], { format: 'old', scopesOf () { throw new RangeError('of the host') } }), { name: 'RangeError' })
  const none = await host(t, {})
  t.match(await Promise.allSettled([none.keys.import([], { format: 'old' })]), [{ reason: { reason: 'format must be one of keys.formats, not "old"' } }])
})

t.test('of two imports at once, one adds the key; a store that fails is 503, and the next call goes on', async (t) => {
  const memory = createMemoryKeyStore()
  let down = false
  const { cached: _cached, ...uncached } = memory
  const slow: KeyStore = {
    ...uncached,
    async findByHash (hash) { await pause(1); return memory.findByHash(hash) },
    async insert (...what) { if (down) throw new Error('down'); return memory.insert(...what) }
  }
  const { keys } = await host(t, formats, slow)
  const twice = await Promise.all([imported(keys, [row('old_1', { id: 'a' })]), imported(keys, [row('old_1', { id: 'b' })])])
  t.same(twice.flat().sort(), ['exists a', 'imported a'])
  down = true
  await t.rejects(keys.import([row('old_2')], { format: 'old' }), { code: 'KEYS_UNAVAILABLE', statusCode: 503 })
  down = false
  t.match(await imported(keys, [row('old_2', { id: 'c' })]), ['imported c'])
})

t.test('a store that adds many is asked once for 200 rows, through its cache too; where it fails, the call is 503', async (t) => {
  const { cached: _cached, ...memory } = createMemoryKeyStore()
  const asked: number[] = []
  let fault: Error | undefined
  /** An earlier call that was cut off has named one of them. */
  const stored = (id = ''): string => id.endsWith('d42') ? `${id}-before` : id
  const store: KeyStore = {
    ...memory,
    async insertMany (keys) {
      if (fault !== undefined) throw fault
      asked.push(keys.length)
      for (const { key, hash } of keys) await memory.insert({ ...key, id: stored(key.id) }, hash)
      return keys.map(({ key: { id } }) => ({ added: true, existing: undefined, ...stored(id) !== id && { id: stored(id) } }))
    }
  }
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [name, cache] of [['uncached', false], ['cached', { changes: createProcessChanges() }]] as const) {
    const { app, clock } = await guarded(t, { keys: { prefix: 'acme', store, formats, cache }, resolvers: undefined })
    await app.ready()
    const { keys } = app.latchkey
    const lastUsedAt = new Date(clock.now())
    const rows = Array.from({ length: 250 }, (_, i) => row(`old_${name}${i}`, { id: `${name}${i}`, workspace: i === 7 ? '' : 'w1', lastUsedAt }))
    const results = await imported(keys, rows)
    patterns.add(results[7], /^workspace must be/)
    rounds.add(results.toSpliced(7, 1), rows.toSpliced(7, 1).map(({ id }) => `imported ${stored(id)}`))
    rounds.add(asked.splice(0), [199, 50])
    for (const id of [`${name}8`, `${name}42-before`]) rounds.add((await keys.get('w1', id)).lastUsedAt, lastUsedAt)
    fault = new Error('down')
    patterns.add(await rejection(keys.import([row('old_x')], { format: 'old' })), { code: 'KEYS_UNAVAILABLE', statusCode: 503 })
    fault = undefined
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a format that can\'t work is named at boot', async (t) => {
  const wrong: Array<[object, RegExp]> = [
    [{ sha256: { prefix: 'old_', hash: 'sha256' } }, /keys\.formats has "sha256"; a name is 1 to 32/],
    [{ old: { hash: 'sha256' } }, /keys\.formats\.old must have either prefix or pattern/],
    [{ old: { prefix: 'a', pattern: /b/, hash: 'sha256' } }, /keys\.formats\.old must have either prefix or pattern/],
    [{ old: { pattern: /b/, hash: 'sha256', hashed: 'rest' } }, /keys\.formats\.old\.hashed is 'rest', which needs a prefix/],
    [{ old: { prefix: 'acme', hash: 'sha256' } }, /keys\.formats\.old takes secrets of this host .* "acme_live_"/],
    [{ old: { prefix: 'old_', hash: 'md5' } }, /hash must be 'sha256', 'sha512', { hmac, pepper } or a function/]
  ]
  const errors: string[] = []
  for (const [formats] of wrong) errors.push(await bootError(t, { keys: { prefix: 'acme', formats: untyped(formats) } }))
  t.match(errors, wrong.map(([, expected]) => expected))
})

t.test('a function that answers no hash lets nobody in', async (t) => {
  const { ask } = await host(t, { old: { prefix: 'old_', hash: () => untyped(undefined) } })
  t.same(await ask('old_1'), [503, 'AUTHENTICATION_UNAVAILABLE'])
})
