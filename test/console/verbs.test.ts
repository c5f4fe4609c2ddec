import t from 'tap'
import { expiryOf, firstScopes } from '../../lib/console/element/form.js'
import { keyKind } from '../../lib/console/element/key-kind.js'
import { offered } from '../../lib/console/element/verb.js'
import { verbs, type KeyVerb } from '../../lib/console/element/verbs.js'
import { collectRounds } from '../helpers/collect.js'
import { at, callerView, DAY, keyView, NOW } from '../helpers/key-view.js'

const caller = callerView()
const key = keyView({ name: 'CRM sync', scopes: ['devices:manage'], version: 3 })
const subject = { caller, record: key, now: NOW }
type VerbName = keyof typeof verbs
const texts = (texts: Record<string, string>, chosen: readonly string[] = []) => ({ texts, chosen })

t.test('verbs are offered by what the caller may, and by the state of the key', async (t) => {
  const ended = keyView({ status: 'revoked' })
  const rows = [
    ['top', caller, undefined, ['create']],
    ['row', caller, key, ['rotate', 'revoke']],
    ['details', caller, key, ['rename', 'narrow']],
    ['details', caller, keyView({ scopes: [] }), ['rename']],
    ['row', caller, ended, []],
    ['details', caller, ended, []],
    ['top', caller, key, []],
    ['top', callerView({ may: { write: false, manage: false } }), undefined, []],
    ['row', callerView({ may: { write: true, manage: false } }), key, []]
  ] as const
  const rounds = collectRounds()
  for (const [place, caller, key, expected] of rows) rounds.add(offered(keyKind, place, caller, key).map(({ label }) => label), expected)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a form begins with what is likely, and says what is wrong', async (t) => {
  const rows: ReadonlyArray<readonly [VerbName, Record<string, string>, readonly string[], Record<string, string>]> = [
    ['create', {}, [], { name: 'needName', scopes: 'needScope' }],
    ['create', { name: '  ', expiry: 'date', date: '2020-01-01' }, ['a'], { name: 'needName', expiry: 'needDate' }],
    ['create', { name: 'x', expiry: '30' }, ['a'], {}],
    ['rotate', { grace: 'none' }, [], {}],
    ['rename', { name: ' ' }, [], { name: 'needName' }],
    ['rename', { name: 'x' }, [], {}],
    ['narrow', {}, [], { scopes: 'needScope' }],
    ['narrow', {}, ['devices:manage'], { scopes: 'needFewer' }],
    ['narrow', {}, ['devices:read'], {}],
    ['narrow', {}, ['devices:read', 'devices:write'], {}],
    ['revoke', {}, [], { confirmation: 'needConfirmation' }],
    ['revoke', { confirmation: 'crm sync' }, [], { confirmation: 'needConfirmation' }],
    ['revoke', { confirmation: ' CRM sync ' }, [], {}]
  ]
  const rounds = collectRounds()
  for (const [name, given, scopes, faults] of rows) rounds.add(verbs[name].faults(texts(given, scopes), subject), faults, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.same(verbs.revoke.faults(texts({}), { ...subject, record: undefined }), { confirmation: 'needConfirmation' })
  t.same(verbs.create.draft(subject), texts({ expiry: 'never', environment: 'production' }))
  t.same(verbs.rename.draft(subject), texts({ name: 'CRM sync' }))
  const { name, ...unnamed } = key
  t.same(verbs.rename.draft({ ...subject, record: unnamed }), texts({ name: '' }))
  t.same(verbs.narrow.draft({ ...subject, record: { ...key, scopesUsedAt: { 'devices:read': at(0) } } }), texts({}, ['devices:read']))
  t.same(verbs.narrow.draft({ caller, now: NOW }), texts({}))
  const [rotate, revoke]: readonly KeyVerb[] = [verbs.rotate, verbs.revoke]
  t.same([rotate?.draft(subject), revoke?.draft(subject)], [texts({ grace: 'none' }), texts({})])
})

t.test('requests say what was chosen, and the version that a person saw', async (t) => {
  const rows: ReadonlyArray<readonly [VerbName, Record<string, string>, readonly string[], object]> = [
    ['create', { name: ' x ', expiry: 'never' }, ['a'], { method: 'POST', path: '', body: { name: 'x', scopes: ['a'], expiresAt: undefined } }],
    ['create', { expiry: '30' }, ['a'], { method: 'POST', path: '', body: { name: undefined, scopes: ['a'], expiresAt: at(30 * DAY) } }],
    ['rotate', { grace: 'none' }, [], { method: 'POST', path: '/key_1/rotate', body: { grace: 0, version: 3 } }],
    ['rotate', { grace: 'first-use' }, [], { method: 'POST', path: '/key_1/rotate', body: { grace: DAY, graceFrom: 'first-use', version: 3 } }],
    ['rotate', {}, [], { method: 'POST', path: '/key_1/rotate', body: { version: 3 } }],
    ['rename', { name: 'y' }, [], { method: 'PATCH', path: '/key_1', body: { name: 'y', version: 3 } }],
    ['narrow', {}, ['devices:read'], { method: 'PATCH', path: '/key_1', body: { scopes: ['devices:read'], version: 3 } }],
    ['revoke', { reason: ' left ' }, [], { method: 'POST', path: '/key_1/revoke', body: { reason: 'left' } }]
  ]
  const rounds = collectRounds()
  for (const [name, given, scopes, request] of rows) rounds.add(verbs[name].request(texts(given, scopes), subject), request, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(verbs.rename.request(texts({}), { ...subject, record: keyView({ id: '../x' }) }).path, '/..%2Fx')
  t.same([verbs.rename, verbs.revoke].map((verb) => verb.request(texts({}), { caller, now: NOW }).path), ['/', '//revoke'])
})

t.test('scopes are chosen from what the caller may grant; narrower ones from what the key holds or has used', async (t) => {
  const offersOf = (verb: KeyVerb, key = keyView({ scopes: ['devices:write'], scopesUsedAt: { 'devices:read': at(0) } })) => verb.fields.flatMap((field) =>
    field.kind === 'several' ? field.offer({ caller, record: key, now: NOW }).flatMap(({ scopes }) => scopes.map(({ scope }) => scope)) : [])
  t.same(offersOf(verbs.create), ['devices:read', 'devices:write', 'devices:manage'])
  t.same(offersOf(verbs.narrow), ['devices:read', 'devices:write'])
  t.same(offersOf(verbs.narrow, keyView({ scopes: ['reports:read'] })), [])
  const [field] = verbs.narrow.fields
  t.same(field.offer({ caller, now: NOW }), [])
  t.same(keyKind.verbs.map(({ label }) => label), ['create', 'rotate', 'rename', 'narrow', 'revoke'])
})

t.test('a new key may have the scopes of a preset; the word to confirm a revocation names the key', async (t) => {
  const presets = [{ name: 'Read-only', scopes: ['devices:read'] }]
  const [, , several] = verbs.create.fields
  t.same(several.presets({ caller: callerView({ presets }), now: NOW }), presets)
  const [, confirmation] = verbs.revoke.fields
  t.same([confirmation.word(subject), confirmation.word({ caller, now: NOW })], ['CRM sync', ''])
})

t.test('a form begins with the first preset, the lowest level, or nothing', async (t) => {
  t.same(firstScopes(callerView({ presets: [{ name: 'Read-only', scopes: ['a', 'b'] }] })), ['a', 'b'])
  const levels = [['Read', []], ['Write', ['Read']]] as const
  t.same(firstScopes(callerView({ scopes: [{ resource: '', title: 'All resources', scopes: levels.map(([scope, includes]) => ({ scope, permissions: [], includes: [...includes] })) }] })), ['Read'])
  t.same(firstScopes(caller), [])
})

t.test('an expiry is never, some days on, or the end of a day', async (t) => {
  const rows = [
    [{}, null], [{ expiry: 'never' }, null], [{ expiry: '90' }, at(90 * DAY)], [{ expiry: 'date' }, undefined], [{ expiry: 'date', date: '2026-02-30' }, undefined],
    [{ expiry: 'date', date: '2026-11-01' }, undefined], [{ expiry: 'date', date: '2027-01-01' }, new Date('2027-01-01T23:59:59').toISOString()]
  ] as const
  const rounds = collectRounds()
  for (const [given, expected] of rows) rounds.add(expiryOf(texts(given), NOW), expected, JSON.stringify(given))
  t.strictSame(rounds.seen, rounds.expected)
})
