import t from 'tap'
import type { Cell } from '../../lib/console/element/cells.js'
import { offered } from '../../lib/console/element/verb.js'
import { confirmationWord, eventGroups, isUnderway } from '../../lib/console/element/webhooks/facts.js'
import { attemptWords, deliveryBadge, deliveryWords, endpointBadges, endpointColumns, endpointDetails, payloadText } from '../../lib/console/element/webhooks/fields.js'
import { endpointKind } from '../../lib/console/element/webhooks/kind.js'
import { isDeliveryFilter } from '../../lib/console/element/webhooks/state.js'
import { endpointVerbs } from '../../lib/console/element/webhooks/verbs.js'
import { collectRounds } from '../helpers/collect.js'
import { attempt, deliveryView, endpointView, webhookCallerView } from '../helpers/endpoint-view.js'
import { at, NOW, reading } from '../helpers/key-view.js'

const caller = webhookCallerView()
const record = endpointView()
const subject = { caller, record, now: NOW }
const draft = (texts: Record<string, string>, chosen: readonly string[] = []) => ({ texts, chosen })
type VerbName = keyof typeof endpointVerbs

t.test('verbs are offered by what the caller may, and by whether the endpoint is enabled', async (t) => {
  const may = (write: boolean, manage: boolean) => ({ ...caller, may: { write, manage } })
  const off = endpointView({ enabled: false })
  const rows = [
    ['top', caller, undefined, ['webhookCreate']],
    ['row', caller, record, ['webhookTest', 'webhookRemove']],
    ['details', caller, record, ['webhookChange', 'webhookRotate', 'webhookDisable']],
    ['part', caller, record, ['webhookReplay']],
    ['row', caller, off, ['webhookRemove']],
    ['details', caller, off, ['webhookChange', 'webhookRotate', 'webhookEnable']],
    ['part', caller, off, []],
    ['top', caller, record, []],
    ['row', may(true, false), record, ['webhookTest']],
    ['details', may(false, false), record, []]
  ] as const
  const rounds = collectRounds()
  for (const [place, caller, record, expected] of rows) rounds.add(offered(endpointKind, place, caller, record).map(({ label }) => label), expected)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(endpointKind.nameOf(record, reading.strings), 'https://example.com/hooks')
})

t.test('a form begins with what is, and says what is wrong', async (t) => {
  t.same(endpointVerbs.create.draft(subject), draft({ environment: 'production', which: 'every' }))
  t.same(endpointVerbs.change.draft(subject), draft({ url: record.url, description: '', which: 'some' }, ['key.issued']))
  t.same(endpointVerbs.change.draft({ caller, now: NOW }), draft({ url: '', description: '', which: 'every' }))
  t.same(endpointVerbs.rotate.draft(), draft({ grace: 'day' }))
  const rows: ReadonlyArray<readonly [VerbName, Record<string, string>, object]> = [
    ['create', { which: 'every' }, { url: 'webhookNeedUrl' }],
    ['create', { url: 'example.com', which: 'some' }, { url: 'webhookNeedUrl', events: 'webhookNeedEvents' }],
    ['change', { url: ' https://example.com ', which: 'every' }, {}],
    ['remove', { confirmation: 'example' }, { confirmation: 'needConfirmation' }],
    ['remove', { confirmation: ' example.com ' }, {}],
    ['rotate', {}, {}]
  ]
  const rounds = collectRounds()
  for (const [name, texts, faults] of rows) rounds.add(endpointVerbs[name].faults(draft(texts), subject), faults, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(confirmationWord(undefined), '')
})

t.test('requests say what was chosen, and the version that a person saw', async (t) => {
  const rows: ReadonlyArray<readonly [VerbName, ReturnType<typeof draft>, object]> = [
    ['create', draft({ url: ' https://a.example/ ', which: 'every' }, ['key.issued']), { method: 'POST', path: '', body: { url: 'https://a.example/', description: undefined, events: [] } }],
    ['change', draft({ url: record.url, description: ' x ', which: 'some' }, ['key.revoked']), { method: 'PATCH', path: '/whe_1', body: { description: 'x', events: ['key.revoked'], version: 4 } }],
    ['change', draft({ url: 'https://a.example/' }), { method: 'PATCH', path: '/whe_1', body: { url: 'https://a.example/', description: null, events: [], version: 4 } }],
    ['rotate', draft({ grace: 'week' }), { method: 'POST', path: '/whe_1/rotate-secret', body: { grace: 604_800, version: 4 } }],
    ['rotate', draft({}), { method: 'POST', path: '/whe_1/rotate-secret', body: { version: 4 } }],
    ['disable', draft({}), { method: 'PATCH', path: '/whe_1', body: { enabled: false, version: 4 } }],
    ['enable', draft({}), { method: 'PATCH', path: '/whe_1', body: { enabled: true, version: 4 } }],
    ['test', draft({}), { method: 'POST', path: '/whe_1/test', body: {} }],
    ['remove', draft({}), { method: 'DELETE', path: '/whe_1', body: {} }],
    ['replay', draft({}), { method: 'POST', path: '/whe_1/deliveries//replay', body: {} }]
  ]
  const rounds = collectRounds()
  for (const [name, given, request] of rows) rounds.add(endpointVerbs[name].request(given, subject), request, name)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(endpointVerbs.replay.request(draft({}), { ...subject, part: '../x' }).path, '/whe_1/deliveries/..%2Fx/replay')
})

t.test('types of events are chosen by what they are about, where not every event is wanted', async (t) => {
  t.same(eventGroups(caller).map(({ title, scopes }) => [title, scopes.map(({ scope, permissions }) => `${scope}: ${permissions}`)]), [
    ['key', ['key.issued: a key was issued', 'key.revoked: a key was revoked, for good']], ['limit', ['limit.exceeded: a caller has used up a policy']]
  ])
  const rounds = collectRounds()
  for (const field of endpointVerbs.change.fields) {
    if (field.kind !== 'several') continue
    rounds.add(field.offer(subject).length, 2)
    rounds.add(['some', 'every'].map((which) => field.isShown(draft({ which }))), [true, false])
  }
  for (const field of endpointVerbs.remove.fields) rounds.add(field.word(subject), 'example.com')
  t.strictSame(rounds.seen, rounds.expected)
})

const words = (cell: Cell): unknown => cell.kind === 'time' ? cell.time.words : cell.kind === 'rows' ? cell.rows.map(({ code, note }) => `${code} ${note}`) : 'text' in cell ? cell.text : undefined

t.test('what is shown of an endpoint', async (t) => {
  const shown = (more: object) => Object.fromEntries(endpointDetails(caller.events).map(({ name, cell }) => [name, words(cell(endpointView(more), reading))]))
  t.same(shown({}), {
    id: 'whe_1', environment: 'production', description: undefined, disabled: undefined, reason: undefined, failing: undefined, secrets: ['Secret 1 in use'], events: ['key.issued a key was issued']
  })
  t.same(shown({
    events: [], description: 'Ours', enabled: false, disabledAt: at(-60), disabledReason: 'gone', failingSince: at(-3600), secrets: [{ createdAt: at(-90), retiresAt: at(-1) }, { createdAt: at(-80), retiresAt: at(7200) }, { createdAt: at(-60) }]
  }), {
    id: 'whe_1',
    environment: 'production',
    description: 'Ours',
    disabled: '1 minute ago',
    reason: 'The server answered 410: it wants nothing any more',
    failing: '1 hour ago',
    secrets: ['Secret 3 in use', 'Secret 2 stops working in 2 hours', 'Secret 1 stopped working now'],
    events: 'Every event'
  })
  t.same(shown({ events: ['key.new'], disabledReason: 'other' }), { ...shown({}), events: ['key.new '] })
  t.same(endpointColumns.map(({ cell }) => words(cell(record, reading))), ['1 minute ago'])
  const badges = (more: object) => endpointBadges(endpointView(more), reading).map(({ text }) => text)
  t.same(badges({}), [])
  t.same(badges({ enabled: false, failingSince: at(-60) }), ['Disabled'])
  t.same(badges({ failingSince: at(-60), secrets: [{ createdAt: at(-90), retiresAt: at(7200) }, { createdAt: at(-60) }] }), ['Failing', 'Old secret works until in 2 hours'])
})

t.test('how a delivery is doing, and how each attempt ended, in words', async (t) => {
  const rows = [
    [{}, 'Pending', 'Waiting for the first attempt'],
    [{ attempts: [attempt('timeout')], nextAt: at(300) }, 'Retrying', 'No answer in time; next attempt in 5 minutes'],
    [{ attempts: [attempt('timeout')] }, 'Retrying', 'No answer in time'],
    [{ state: 'failed', attempts: [attempt('timeout'), attempt('gone', 410)] }, 'Failed', 'Answered 410: it wants nothing any more'],
    [{ state: 'delivered', attempts: [attempt('delivered', 204)] }, 'Delivered', 'Answered 204']
  ] as const
  const rounds = collectRounds()
  for (const [more, badge, text] of rows) {
    const delivery = deliveryView(structuredClone(more) as object)
    rounds.add([deliveryBadge(delivery, reading).text, deliveryWords(delivery, reading)], [badge, text])
  }
  t.strictSame(rounds.seen, rounds.expected)
  const outcomes = [['refused', 500], ['redirected', 302], ['unreachable'], ['insecure'], ['forbidden-address'], ['disabled'], ['undecryptable'], ['of a later version']] as const
  t.same(outcomes.map(([outcome, status]) => attemptWords(attempt(outcome, status), reading)), [
    'Answered 500, not 2xx', 'Answered 302: redirects are not followed', 'No connection, or it broke off', 'The certificate is not valid', 'Not sent: the host is not at a public address',
    'Not sent: the endpoint was disabled', 'Not sent: its secret can’t be read; rotate it', 'of a later version'
  ])
  t.same([deliveryView(), deliveryView({ attempts: [attempt('timeout')] }), deliveryView({ state: 'failed' })].map(isUnderway), [true, false, false])
  t.equal(payloadText(deliveryView()), '{\n  "type": "key.issued"\n}')
  t.same(['all', 'failed', 'constructor'].map(isDeliveryFilter), [true, true, false])
})
