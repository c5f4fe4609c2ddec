import t from 'tap'
import { english, fill } from '../../lib/console/element/strings.js'
import { agoWords, duration, isWithin, period, timeWords } from '../../lib/console/element/time-words.js'
import { readTrouble } from '../../lib/console/element/trouble.js'
import { collectRounds } from '../helpers/collect.js'

const NOW = Date.UTC(2026, 11, 1, 9, 30)
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString()
const DAY = 86_400

t.test('instants in words, and exactly', async (t) => {
  const rows = [
    [-5, 'now'], [-60, '1 minute ago'], [-3600, '1 hour ago'], [-DAY, 'yesterday'], [-8 * DAY, '1 week ago'], [-40 * DAY, '1 month ago'],
    [-800 * DAY, '2 years ago'], [3 * DAY, 'in 3 days'], [90 * DAY, 'in 3 months']
  ] as const
  t.same(rows.map(([seconds]) => timeWords(at(seconds), NOW, 'en').words), rows.map(([, words]) => words))
  t.same(timeWords(at(0), NOW, 'en-GB', 'Europe/Berlin'), { words: 'now', exact: '1 Dec 2026, 10:30 CET', iso: '2026-12-01T09:30:00.000Z' })
  t.equal(timeWords(at(-DAY * 3), NOW, 'de').words, 'vor 3 Tagen')
})

t.test('how long ago, to the second, and never in the future', async (t) => {
  t.same([5, 0, -1, -59, -60, -7200].map((seconds) => agoWords(at(seconds), NOW, 'en')), ['1 second ago', '1 second ago', '1 second ago', '59 seconds ago', '1 minute ago', '2 hours ago'])
})

t.test('lengths of time', async (t) => {
  t.same([1, 90, 3600, DAY, 14 * DAY].map((seconds) => duration(seconds, 'en')), ['1 second', '2 minutes', '1 hour', '1 day', '2 weeks'])
})

t.test('the window of a limit is said as it is', async (t) => {
  t.same([1, 60, 90, 3600, 86_400, 2_592_000].map((seconds) => period(seconds, 'en')), ['1 second', '1 minute', '90 seconds', '1 hour', '1 day', '30 days'])
})

t.test('what is near or past is within', async (t) => {
  t.same([[undefined, 7], [at(6 * DAY), 7], [at(8 * DAY), 7], [at(-1), 0], [at(1), 0]].map(([iso, days]) =>
    isWithin(typeof iso === 'string' ? iso : undefined, Number(days), NOW)), [false, true, false, true, false])
})

t.test('values are filled into texts as they are, and what is unknown stays', async (t) => {
  t.equal(fill('{name} was {what}. {name}! {constructor}', { name: '$& {what}', what: 1 }), '$& {what} was 1. $& {what}! {constructor}')
  t.notMatch(Object.values(english).join('\n'), /'|\.\.\.| {2}/, 'typographic apostrophes and ellipses')
})

t.test('a refusal is read by its status; what the server says of it is kept where that helps', async (t) => {
  const rows = [
    [400, '{"detail":"expiresAt must be in the future"}', null, { kind: 'invalid', detail: 'expiresAt must be in the future', retryAfter: undefined }],
    [401, '{"detail":"x"}', null, { kind: 'signed-out', detail: undefined, retryAfter: undefined }],
    [403, '{"error":"forbidden","message":"This operation requires a read-write key"}', null, { kind: 'forbidden', detail: 'This operation requires a read-write key', retryAfter: undefined }],
    [404, '', null, { kind: 'missing', detail: undefined, retryAfter: undefined }],
    [409, '{"error":"KEY_CONFLICT"}', null, { kind: 'conflict', detail: 'KEY_CONFLICT', retryAfter: undefined }],
    [418, 'null', null, { kind: 'failed', detail: undefined, retryAfter: undefined }],
    [429, '', null, { kind: 'limited', detail: undefined, retryAfter: 60 }],
    [429, '', '7', { kind: 'limited', detail: undefined, retryAfter: 7 }],
    [503, '<html>', 'soon', { kind: 'outage', detail: undefined, retryAfter: undefined }],
    [400, '<html>', null, { kind: 'invalid', detail: undefined, retryAfter: undefined }]
  ] as const
  const rounds = collectRounds()
  for (const [status, body, retryAfter, expected] of rows) rounds.add(readTrouble(status, body, retryAfter), expected)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(readTrouble(400, JSON.stringify({ detail: 'x'.repeat(999) }), null).detail?.length, 400)
})
