import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Principal } from 'fastify-latchkey'
import type { ApiKey, ExceedableField, IssueInput, KeyCaller, Keys } from 'fastify-latchkey/keys'
import t, { type Test } from 'tap'
import { root } from '../helpers/child.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { caller, keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000)

/** What the caller has, and the key too. */
const own = { workspace: 'w1', environment: 'production', owner: 'low', tier: 'free', expiresAt: at(100) }
const key = { ...own, scopes: ['devices:read'] }
const callerScopes = ['devices:read', 'reports:read']

type Act = (keys: Keys, key: ApiKey, who: KeyCaller) => Promise<unknown>
const update = (input: Parameters<Keys['update']>[2]): Act => (keys, { workspace, id }, who) => keys.update(workspace, id, input, who)

/** By the columns of the table: all that they stand for. */
const acts: Readonly<Record<string, readonly Act[]>> = {
  issue: [(keys, _, who) => keys.issue(key, who)],
  rotate: [(keys, { workspace, id }, who) => keys.rotate(workspace, id, {}, who), (keys, { workspace, id }, who) => keys.rotate(workspace, id, { grace: 9 }, who)],
  extend: [update({ scopes: ['devices:read', 'reports:read'] }), update({ scopes: ['reports:read'], name: 'n' })],
  describe: [update({ name: 'n' }), update({ metadata: { a: 1 } }), update({ name: 'n', metadata: { a: 1 } })],
  restrict: [
    update({ scopes: [] }),
    update({ expiresAt: at(9) }),
    (keys, { workspace, id }, who) => keys.expire(workspace, id, who),
    (keys, { workspace, id }, who) => keys.revoke(workspace, id, {}, who)
  ]
}

/** A caller that has all but one field of the key. */
const lacking: Readonly<Record<string, Partial<Principal>>> = {
  workspace: { workspace: 'w2' },
  environment: { environment: 'sandbox' },
  scopes: { scopes: ['reports:read'] },
  owner: { owner: 'other' },
  tier: { tier: 'other' },
  expiresAt: { expiresAt: at(99) },
  name: {},
  metadata: {}
}

function refusalOf (field: string, act: string): object {
  if (field === 'workspace' || (field === 'environment' && act !== 'issue')) return { code: 'KEY_NOT_FOUND', statusCode: 404 }
  if (field === 'environment') return { code: 'WRONG_ENVIRONMENT', statusCode: 403 }
  if (field === 'scopes') return { code: 'INSUFFICIENT_SCOPE', statusCode: 403, reason: 'principal key_caller lacks devices:read' }
  const values: Readonly<Record<string, readonly string[]>> = { owner: ['low', 'other'], tier: ['free', 'other'], expiresAt: [at(100).toISOString(), at(99).toISOString()] }
  const [ofKey, ofCaller] = values[field] ?? []
  return {
    code: 'KEY_EXCEEDS_CALLER',
    statusCode: 403,
    message: 'The key has more than the credential that manages it.',
    headers: { 'cache-control': 'no-store' },
    detail: `The key has ${field} ${ofKey}; the credential that manages it has ${field} ${ofCaller}.`,
    reason: `principal key_caller lacks ${field} of the key`,
    extensions: { exceeds: [field] }
  }
}

/** The table of docs/keys.md: field → column → cell. */
async function documented (): Promise<Map<string, Map<string, string>>> {
  const page = await readFile(join(root, 'docs', 'keys.md'), 'utf8')
  const [, head = '', body = ''] = /^\| field of the key \| (.*) \|\n\|[-|]+\|\n((?:\|.*\n)+)/m.exec(page) ?? []
  const columns = head.split(' | ')
  return new Map(body.trim().split('\n').map((line) => {
    const [field = '', ...cells] = line.slice(2, -2).split(' | ')
    return [field.replaceAll('`', ''), new Map(columns.map((column, i) => [column, String(cells[i])]))]
  }))
}

async function check (t: Test, kind: Principal['kind'], field: string, column: string, cell: string): Promise<void> {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const act of acts[column] ?? []) {
    const { keys } = keyring(t)
    const name = `${field}, ${column}: ${cell}`
    const all = caller(callerScopes, { kind, ...own })
    await act(keys, (await keys.issue(key)).key, { by: all })
    const made = (await keys.issue(key)).key
    const done = act(keys, made, { by: { ...all, ...lacking[field] } })
    if (cell !== 'own') {
      await done
      continue
    }
    patterns.add(await done.catch((fault: unknown) => fault), { name: 'AccessError', ...refusalOf(field, column) }, name)
    rounds.add(await keys.get('w1', made.id), made, 'nothing has changed')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
}

for (const kind of ['api-key', 'access-token'] as const) {
  t.test(`what the table in docs/keys.md says of callers is so: ${kind}`, async (t) => {
    const table = await documented()
    t.same([...table.keys()], Object.keys(lacking))
    const rounds = collectRounds()
    for (const [field, cells] of table) {
      rounds.add([...cells.keys()], Object.keys(acts))
      for (const [column, cell] of cells) await check(t, kind, field, column, cell)
    }
    t.strictSame(rounds.seen, rounds.expected)
  })
}

t.test('to have no owner, tier or end is not less than to have one', async (t) => {
  const { keys } = keyring(t)
  const rows: Array<[Partial<Principal>, Partial<IssueInput>, string]> = [
    [{ owner: 'low' }, {}, 'The key has owner none; the credential that manages it has owner low.'],
    [{}, { owner: 'boss' }, 'The key has owner boss; the credential that manages it has owner none.'],
    [{ tier: 'free' }, {}, 'The key has tier none; the credential that manages it has tier free.'],
    [{ secretRetiresAt: at(5) }, {}, `The key has expiresAt none; the credential that manages it has expiresAt ${at(5).toISOString()}.`],
    [{ expiresAt: at(9), secretRetiresAt: at(5) }, { expiresAt: at(6) }, `The key has expiresAt ${at(6).toISOString()}; the credential that manages it has expiresAt ${at(5).toISOString()}.`],
    [{ owner: 'low', tier: 'free', expiresAt: at(9) }, { owner: 'boss', tier: 'enterprise' }, 'The key has owner boss, tier enterprise, expiresAt none; ' +
      `the credential that manages it has owner low, tier free, expiresAt ${at(9).toISOString()}.`]
  ]
  const patterns = collectRounds()
  for (const [has, wants, detail] of rows) {
    const { key } = await keys.issue({ workspace: 'w1', scopes: [], ...wants })
    patterns.add(await rejection(keys.rotate('w1', key.id, {}, { by: caller([], has) })), { code: 'KEY_EXCEEDS_CALLER', statusCode: 403, detail })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('no update changes whose a key is, or its tier, in either direction', async (t) => {
  const { keys } = keyring(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const field of ['owner', 'tier'] as const) {
    for (const [before, after] of [['boss', 'low'], ['low', 'boss'], ['low', null], [undefined, 'low']]) {
      const has = { owner: 'low', tier: 'low', [field]: before }
      const { key } = await keys.issue({ workspace: 'w1', scopes: [], ...has })
      const by = caller([], { owner: 'low', tier: 'low' })
      patterns.add(await rejection(keys.update('w1', key.id, { [field]: after }, { by })), { code: 'KEY_EXCEEDS_CALLER', statusCode: 403, extensions: { exceeds: [field] } }, `${field}: ${before} → ${after}`)
      rounds.add(await keys.get('w1', key.id), key)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('an end is moved as far as that of the caller', async (t) => {
  const { keys } = keyring(t)
  const by = caller([], own)
  const { key } = await keys.issue({ ...own, scopes: [], expiresAt: at(50) })
  t.match(await keys.update('w1', key.id, { expiresAt: at(100) }, { by }), { key: { expiresAt: at(100) } })
  const patterns = collectRounds()
  for (const expiresAt of [at(101), null]) patterns.add(await rejection(keys.update('w1', key.id, { expiresAt }, { by })), { code: 'KEY_EXCEEDS_CALLER', extensions: { exceeds: ['expiresAt'] } })
  t.match(patterns.seen, patterns.expected)
  const lasting = (await keys.issue({ ...own, scopes: [], expiresAt: undefined })).key
  t.match(await keys.update('w1', lasting.id, { expiresAt: at(200) }, { by }), { key: { expiresAt: at(200) } }, 'sooner is less')
})

t.test('a caller whose end is no time makes nothing', async (t) => {
  const { keys } = keyring(t)
  const by = caller([], { expiresAt: new Date(NaN) })
  const patterns = collectRounds()
  for (const expiresAt of [undefined, at(9)]) patterns.add(await rejection(keys.issue({ workspace: 'w1', scopes: [], expiresAt }, { by })), { code: 'KEY_EXCEEDS_CALLER', statusCode: 403 })
  t.match(patterns.seen, patterns.expected)
})

t.test('a host allows fields by name, and no others', async (t) => {
  const { keys } = keyring(t)
  const fields: ExceedableField[] = ['owner', 'tier', 'expiresAt']
  const boss = { workspace: 'w1', scopes: ['devices:read'], owner: 'boss', tier: 'enterprise' }
  const by = caller(callerScopes, own)
  const tries: readonly Act[] = [(keys, _, who) => keys.issue(boss, who), ...acts.rotate ?? [], ...acts.extend ?? [], update({ owner: 'other', tier: 'pro', expiresAt: at(9) })]
  const patterns = collectRounds()
  for (const act of tries) {
    for (const left of fields) {
      const mayExceed = fields.filter((field) => field !== left)
      patterns.add(await rejection(act(keys, (await keys.issue(boss)).key, { by, mayExceed })), { code: 'KEY_EXCEEDS_CALLER', extensions: { exceeds: [left] } })
    }
    await act(keys, (await keys.issue(boss)).key, { by, mayExceed: fields })
  }
  t.match(patterns.seen, patterns.expected)
  const mayExceed = untyped<ExceedableField[]>(['workspace', 'environment', 'scopes'])
  await t.rejects(keys.issue({ ...key, workspace: 'w2' }, { by, mayExceed }), { code: 'KEY_NOT_FOUND' })
  await t.rejects(keys.issue({ ...key, environment: 'sandbox' }, { by, mayExceed }), { code: 'WRONG_ENVIRONMENT' })
  await t.rejects(keys.issue({ ...key, scopes: ['devices:write'] }, { by, mayExceed }), { code: 'INSUFFICIENT_SCOPE' })
})
