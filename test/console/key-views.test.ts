import t from 'tap'
import type { Cell } from '../../lib/console/element/cells.js'
import { conflictWords } from '../../lib/console/element/changed-by.js'
import { badgesOf, columns, details, endedColumns, hintOf, nameOf } from '../../lib/console/element/fields.js'
import { confirmationWord, newestSecret, usedScopes } from '../../lib/console/element/key-facts.js'
import { filterKeys, isOnlyName, mergeKeys, noFilter } from '../../lib/console/element/key-filter.js'
import { collectRounds } from '../helpers/collect.js'
import { at, DAY, keyView, NOW, reading } from '../helpers/key-view.js'

const secret = (hint: string, more: object = {}) => ({ generation: 1, hint, createdAt: at(-DAY), ...more })

t.test('what a person should notice of a key', async (t) => {
  const rows = [
    [{}, []],
    [{ status: 'revoked', rotateBy: at(-1) }, ['Revoked']],
    [{ status: 'expired' }, ['Expired']],
    [{ rotateBy: at(-1), expiresAt: at(3 * DAY) }, ['Rotate soon', 'Expires soon']],
    [{ rotateBy: at(-29 * DAY) }, ['Rotate soon']],
    [{ rotateBy: at(-31 * DAY) }, ['Rotation overdue']],
    [{ rotateBy: at(1), expiresAt: at(30 * DAY) }, []],
    [{ secrets: [secret('a', { retiresAt: at(2 * DAY) }), secret('b')] }, ['Old secret works until in 2 days']],
    [{ secrets: [secret('a', { retiresAt: at(-2) }), secret('b')] }, []],
    [{ secrets: [secret('a', { graceAfterFirstUse: 60 }), secret('b')] }, ['Old secret works until the new one is used']],
    [{ secrets: [secret('a'), secret('b')] }, []]
  ] as const
  const rounds = collectRounds()
  for (const [more, texts] of rows) rounds.add(badgesOf(keyView(structuredClone(more) as object), reading).map(({ text }) => text), texts)
  t.strictSame(rounds.seen, rounds.expected)
})

const shownOf = (fields: typeof details, more: object) => Object.fromEntries(fields.map(({ name, cell }) => [name, cell(keyView(more), reading)] as const))
const words = (cell: Cell | undefined) => cell?.kind === 'time' ? cell.time.words : cell?.kind === 'text' ? cell.text : cell?.kind

t.test('columns of the list', async (t) => {
  const rows = [
    [{}, ['production', 'Never', 'Never']],
    [{ lastUsedAt: at(-7200), expiresAt: at(3 * DAY) }, ['production', '2 hours ago', 'in 3 days']],
    [{ expiresAt: at(30 * DAY) }, ['production', 'Never', 'in 1 month']]
  ] as const
  const rounds = collectRounds()
  for (const [more, expected] of rows) rounds.add(Object.values(shownOf(columns, more)).map(words), expected)
  for (const [more, ended] of [[{ revokedAt: at(-DAY), expiresAt: at(3 * DAY) }, 'yesterday'], [{ expiresAt: at(-2 * DAY) }, '2 days ago']] as const) {
    rounds.add(Object.values(shownOf(endedColumns, more)).map(words), ['production', 'Never', ended])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a request that is counted already is no contradiction to the last use, which is recorded later', async (t) => {
  const day = Date.UTC(2026, 11, 1)
  const rows = [
    [{ countedAt: day }, 'today', 'known within a minute'],
    [{ countedAt: day - DAY * 1000, lastUsedAt: at(-5 * DAY) }, 'yesterday', 'known within a minute'],
    [{ countedAt: day, lastUsedAt: at(-60) }, '1 minute ago', 'never used'],
    [{ lastUsedAt: at(-60) }, '1 minute ago', 'never used']
  ] as const
  const noteOf = (cell: Cell | undefined) => cell?.kind === 'rows' ? cell.rows[0]?.note : undefined
  t.same(rows.map(([more]) => [more, words(shownOf(columns, more)['last-used']), noteOf(shownOf(details, more).scopes)]), rows)
})

t.test('details of a key', async (t) => {
  t.same(Object.entries(shownOf(details, {})).filter(([, { kind }]) => kind === 'nothing').map(([name]) => name), ['owner', 'tier', 'changed', 'changed-by', 'rotate-by', 'revoked', 'reason', 'notes'])
  const full = shownOf(details, {
    owner: 'ada',
    tier: 'pro',
    rotateBy: at(DAY),
    metadata: { team: 'Logistics', urgent: false, note: null },
    scopes: ['devices:manage', 'reports:read'],
    scopesUsedAt: { 'devices:read': at(-3600) },
    secrets: [secret('aaaa', { retiresAt: at(-DAY) }), secret('bbbb', { retiresAt: at(DAY) }), secret('cccc', { graceAfterFirstUse: DAY }), secret('gggg'), secret('dddd')]
  })
  t.same(full.id, { kind: 'code', text: 'key_1' })
  t.same([full.owner, full.tier, full.created, full['rotate-by']].map(words), ['ada', 'pro', 'yesterday', 'tomorrow'])
  t.same(full.notes, { kind: 'pairs', pairs: [['team', 'Logistics'], ['urgent', 'false'], ['note', 'null']] })
  const rowsOf = (cell: Cell | undefined) => cell?.kind === 'rows' ? cell.rows.map(({ code, note }) => `${code} ${note}`) : []
  t.same(rowsOf(full.scopes), ['devices:manage never used', 'reports:read never used', 'devices:read used 1 hour ago'])
  t.same(rowsOf(full.secrets), [
    'dddd… in use', 'gggg… stops working 0 seconds after the first use of the next one', 'cccc… stops working 1 day after the first use of the next one',
    'bbbb… stops working tomorrow', 'aaaa… stopped working yesterday'
  ])
  t.equal(words(shownOf(details, { scopes: [] }).scopes), 'None: it grants nothing')
  t.same(Object.values(shownOf(details, { status: 'revoked', revokedAt: at(-DAY), revokedReason: 'left', rotateBy: at(DAY) })).map(words).filter((word) => word !== 'nothing'),
    ['code', 'yesterday', 'yesterday', 'left', 'rows', 'rows'])
})

t.test('who changed a key last, in its details and in a conflict', async (t) => {
  const rows = [
    [{ kind: 'access-token', owner: 'Bea', you: true }, 'You', 'You changed this 20 seconds ago, in another window or by a program. You see it as it is now.'],
    [{ kind: 'access-token', owner: 'Bea', you: false }, 'Bea', 'Bea changed this 20 seconds ago. You see it as it is now.'],
    [{ kind: 'access-token', you: false }, 'Somebody', 'Somebody changed this 20 seconds ago. You see it as it is now.'],
    [{ kind: 'api-key', owner: 'Bea', you: false }, 'An API key of Bea', 'An API key of Bea changed this 20 seconds ago. You see it as it is now.'],
    [{ kind: 'api-key', you: false }, 'An API key', 'An API key changed this 20 seconds ago. You see it as it is now.']
  ] as const
  const seen = rows.map(([updatedBy]) => {
    const more = { updatedAt: at(-20), updatedBy }
    return [updatedBy, words(shownOf(details, more)['changed-by']), conflictWords(keyView(more), reading)]
  })
  t.same(seen, rows)
  t.equal(conflictWords(keyView({ updatedAt: at(-20) }), reading), undefined, 'the server itself did')
  t.equal(words(shownOf(details, { updatedAt: at(-120) }).changed), '2 minutes ago')
})

t.test('names and hints, also where there are none', async (t) => {
  const { name, ...unnamed } = keyView({ secrets: [] })
  t.same([nameOf(keyView(), reading.strings), nameOf(unnamed, reading.strings)], [name, 'Unnamed key'])
  t.same([hintOf(keyView()), hintOf(unnamed), newestSecret(unnamed)], ['abcd…', undefined, undefined])
  const imported = { secrets: [secret('')] }
  t.equal(hintOf(keyView(imported)), undefined)
  t.match(shownOf(details, imported).secrets, { rows: [{ code: 'from another system', note: 'in use' }] })
  t.equal(confirmationWord(keyView({ ...imported, name: 'é' })), 'key_1', 'something is to be typed')
})

t.test('what is typed to confirm is the name, unless it is hard to type', async (t) => {
  t.same(['CRM sync', 'x', 'é', 'x'.repeat(41), ' x', '<b>!', 'שלום'].map((name) => confirmationWord(keyView({ name }))), ['CRM sync', 'x', 'abcd', 'abcd', 'abcd', '<b>!', 'abcd'])
  const { name, ...unnamed } = keyView()
  t.same([confirmationWord(unnamed), confirmationWord({ ...unnamed, secrets: [] })], ['abcd', 'key_1'])
})

t.test('the scopes that would have been enough', async (t) => {
  t.same(usedScopes(keyView({ scopes: ['a', 'b'], scopesUsedAt: { b: at(0) } })), ['b'])
  t.same(usedScopes(keyView({ scopes: ['a', 'b'] })), ['a', 'b'], 'nobody knows of a key that was never used')
})

t.test('a search finds names, owners, scopes, hints and ids; each word must be found', async (t) => {
  const { name, ...unnamed } = keyView({ id: 'key_2', scopes: ['reports:read'] })
  const keys = [keyView({ owner: 'Bela' }), unnamed]
  const find = (text: string) => filterKeys(keys, { ...noFilter, text }, NOW).map(({ id }) => id)
  t.same(['', ' crm ', 'crm sync', 'bela devices', 'REPORTS', 'abcd', 'key_2', 'crm reports', '<script>'].map(find),
    [['key_1', 'key_2'], ['key_1'], ['key_1'], ['key_1'], ['key_2'], ['key_1', 'key_2'], ['key_2'], [], []])
})

t.test('keys that work and keys that have ended are two lists; kinds of keys can be looked for', async (t) => {
  const keys = [
    keyView({ id: 'used', lastUsedAt: at(-1) }), keyView({ id: 'old', rotateBy: at(-1) }), keyView({ id: 'ending', expiresAt: at(DAY) }),
    keyView({ id: 'gone', status: 'expired', expiresAt: at(-DAY), rotateBy: at(-1) }), keyView({ id: 'revoked', status: 'revoked' })
  ]
  const idsOf = (filter: Partial<typeof noFilter>) => filterKeys(keys, { ...noFilter, ...filter }, NOW).map(({ id }) => id)
  t.same(idsOf({}), ['used', 'old', 'ending'])
  t.same(idsOf({ list: 'ended' }), ['gone', 'revoked'])
  t.same(idsOf({ only: 'rotate-soon' }), ['old'])
  t.same(idsOf({ only: 'expires-soon' }), ['ending'])
  t.same(idsOf({ only: 'unused' }), ['old', 'ending'])
  t.same(['unused', 'constructor', ''].map(isOnlyName), [true, false, false])
})

t.test('answers come into the list once, and an older answer changes nothing', async (t) => {
  const [one, two] = [keyView({ version: 2 }), keyView({ id: 'key_2' })]
  t.same(mergeKeys([one], [two], 'first'), [two, one])
  t.same(mergeKeys([one], [two], 'last'), [one, two])
  t.same(mergeKeys([one, two], [keyView({ version: 1, name: 'before' })], 'last'), [one, two])
  t.same(mergeKeys([one, two], [keyView({ version: 2, lastUsedAt: at(0) })], 'last')[0]?.lastUsedAt, at(0))
})
