import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { endpointAfter, settledBy, type Answer } from '../../lib/webhooks/answer.js'
import type { WebhookEndpoint } from '../../lib/webhooks/endpoint.js'
import { readState } from '../../lib/webhooks/codec.js'
import { payloadOf } from '../../lib/webhooks/payload.js'
import { defaultSchedule, nextAttempt, readRetryAfter } from '../../lib/webhooks/schedule.js'
import { createSecretEncryption } from '../../lib/webhooks/secret-encryption.js'
import { bytesOf, newSecret, signaturesOf } from '../../lib/webhooks/secret.js'

const NOW = Date.UTC(2026, 0, 1)
const patience = { schedule: defaultSchedule, disableAfter: 432_000 }

t.test('signatures are those of Standard Webhooks, one for each secret', async (t) => {
  const vector = signaturesOf(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' })
  t.equal(vector, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', 'the vector of its own libraries')
  const [one, other] = [newSecret(), newSecret()]
  const timestamp = Math.floor(Date.now() / 1000)
  const body = '{"ä":"\u{1f511}"}'
  const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': signaturesOf([one, other], { id: 'evt_1', timestamp, body }) }
  for (const secret of [one, other]) t.strictSame(new Webhook(secret).verify(body, headers), JSON.parse(body))
  t.throws(() => new Webhook(newSecret()).verify(body, headers))
  t.throws(() => new Webhook(one).verify(`${body} `, headers))
})

t.test('secrets are whsec_ and base64 of 24 to 64 bytes', async (t) => {
  t.equal(bytesOf(newSecret()).length, 32)
  const of = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`
  for (const bytes of [24, 64]) t.equal(bytesOf(of(bytes)).length, bytes)
  for (const text of [of(23), of(65), 'whsec_', newSecret().slice(6), `${newSecret()}!`]) t.throws(() => bytesOf(text), { message: 'a stored secret is not whsec_ and base64 of 24 to 64 bytes' })
})

t.test('payloads are thin JSON of less than 20 kB', async (t) => {
  const at = new Date(NOW)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'whe_1' } }), '{"type":"webhook.test","timestamp":"2026-01-01T00:00:00.000Z","data":{"endpoint":"whe_1"}}')
  const length = String(payloadOf({ type: 'webhook.test', at, data: { endpoint: '' } })).length
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'x'.repeat(19_999 - length) } })?.length, 19_999)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'x'.repeat(20_000 - length) } }), undefined)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'ä'.repeat(10_000) } }), undefined, 'bytes are counted')
})

t.test('attempts follow the schedule, later by up to a fifth, and never earlier than asked', async (t) => {
  const wait = (made: number, random: number, retryAfter?: number) => {
    const at = nextAttempt({ schedule: defaultSchedule, made, now: NOW, random, retryAfter })
    return at && (at.getTime() - NOW) / 1000
  }
  t.strictSame([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((made) => wait(made, 0)), [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, undefined])
  t.equal(wait(1, 0.5), 5.5)
  t.equal(wait(1, 0, 700), 700)
  t.equal(wait(3, 0, 700), 1800)
  t.equal(wait(1, 0, 1e15), 86_400, 'a day at most')
  t.strictSame(['120', '0', 'Thu, 01 Jan 2026 00:02:00 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT', undefined, '-1', '1.5', 'soon', 'soon GMT', ''].map((field) => readRetryAfter(field, NOW)), [120, 0, 120, 0, undefined, undefined, undefined, undefined, undefined, undefined])
})

t.test('what becomes of a delivery', async (t) => {
  const made = { type: 'key.expiring', attempts: [] } as const
  const after = (answer: Answer, delivery: Parameters<typeof settledBy>[1] = made) => settledBy({ answer, began: NOW - 20, now: NOW }, delivery, patience, 0)
  const attempt = { at: new Date(NOW - 20), took: 20 }
  for (const status of [200, 201, 204, 299]) t.strictSame(after({ status }), { attempt: { ...attempt, outcome: 'delivered', status }, state: 'delivered' })
  const soon = new Date(NOW + 5000)
  for (const status of [300, 301, 302, 304, 307, 308]) t.strictSame(after({ status }), { attempt: { ...attempt, outcome: 'redirected', status }, state: 'pending', nextAt: soon })
  for (const status of [400, 401, 404, 500, 502, 199, 999]) t.strictSame(after({ status, retryAfter: '700' }), { attempt: { ...attempt, outcome: 'refused', status }, state: 'pending', nextAt: soon })
  for (const status of [429, 503]) t.strictSame(after({ status, retryAfter: '700' }), { attempt: { ...attempt, outcome: 'refused', status }, state: 'pending', nextAt: new Date(NOW + 700_000) })
  for (const failure of ['timeout', 'unreachable', 'forbidden-address', 'insecure'] as const) t.strictSame(after({ failure }), { attempt: { ...attempt, outcome: failure }, state: 'pending', nextAt: soon })
  t.strictSame(after({ status: 410 }), { attempt: { ...attempt, outcome: 'gone', status: 410 }, state: 'failed' })
  t.strictSame(after({ failure: 'disabled' }), { attempt: { ...attempt, outcome: 'disabled' }, state: 'failed' })
  t.equal(after({ status: 500 }, { ...made, type: 'webhook.test' }).state, 'failed', 'a test is tried once')
  const nine = Array.from({ length: 9 }, () => ({ ...attempt, outcome: 'refused' as const }))
  t.equal(after({ status: 500 }, { ...made, attempts: nine }).state, 'failed', 'the tenth is the last')
})

t.test('what becomes of an endpoint', async (t) => {
  const endpoint: WebhookEndpoint = { id: 'whe_1', workspace: 'w1', url: 'https://example.com/', events: [], secrets: [], createdAt: new Date(NOW), version: 3 }
  const at = new Date(NOW + 1000)
  const failing = { ...endpoint, failingSince: at, version: 4 }
  const after = (one: WebhookEndpoint, outcome: Parameters<typeof endpointAfter>[1]['outcome'], when = at) => endpointAfter(one, { at: when, took: 1, outcome }, patience)
  t.equal(after(endpoint, 'delivered'), undefined)
  t.strictSame(after(endpoint, 'refused'), failing)
  t.equal(after(failing, 'timeout', new Date(at.getTime() + 431_999_000)), undefined)
  const later = new Date(at.getTime() + 432_000_000)
  t.strictSame(after(failing, 'timeout', later), { ...failing, disabledAt: later, disabledReason: 'failing', version: 5 })
  t.strictSame(after(failing, 'delivered'), { ...endpoint, version: 5 })
  t.strictSame(after(endpoint, 'gone'), { ...endpoint, disabledAt: at, disabledReason: 'gone', version: 4 })
  t.equal(after(endpoint, 'disabled'), undefined)
  t.equal(after({ ...endpoint, disabledAt: at }, 'refused'), undefined)
})

t.test('sealed secrets are opened by any of the keys, for the endpoint that they are of', async (t) => {
  const [older, newer] = [randomBytes(32), randomBytes(32)]
  const secret = newSecret()
  const value = createSecretEncryption([older]).close(secret, 'whe_1')
  t.notMatch(value, secret.slice(6))
  t.not(createSecretEncryption([older]).close(secret, 'whe_1'), value)
  t.equal(createSecretEncryption([newer, older]).open(value, 'whe_1'), secret)
  t.equal(createSecretEncryption([newer]).open(secret, 'whe_1'), secret, 'what was kept before there was a key')
  t.equal(createSecretEncryption([]).close(secret, 'whe_1'), secret)
  for (const [keys, of, text] of [[[newer], 'whe_1', value], [[], 'whe_1', value], [[older], 'whe_2', value], [[older], 'whe_1', `${value.slice(0, -2)}AA`], [[older], 'whe_1', 'sealed.x']] as const) {
    t.throws(() => createSecretEncryption(keys).open(text, of), { message: 'no key opens a stored secret' })
  }
  t.throws(() => readState('lost'), { message: 'a stored delivery is in no known state' })
})
