import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import type { WebhookEndpoint } from '../../lib/webhooks/endpoint.js'
import { endpointAfter, settle, type SendResult } from '../../lib/webhooks/outcome.js'
import { createPlaces } from '../../lib/webhooks/places.js'
import { payloadOf } from '../../lib/webhooks/payload.js'
import { defaultSchedule, nextAttempt, readRetryAfter } from '../../lib/webhooks/schedule.js'
import { createSecretEncryption } from '../../lib/webhooks/secret-encryption.js'
import { bytesOf, newSecret, signaturesOf } from '../../lib/webhooks/secret.js'
import { collectRounds, thrown } from '../helpers/collect.js'

const NOW = Date.UTC(2026, 0, 1)
const policy = { schedule: defaultSchedule, disableAfter: 432_000 }

t.test('signatures are those of Standard Webhooks, one for each secret', async (t) => {
  const vector = signaturesOf(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' })
  t.equal(vector, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', 'the vector of its own libraries')
  const [one, other] = [newSecret(), newSecret()]
  const timestamp = Math.floor(Date.now() / 1000)
  const body = '{"ä":"\u{1f511}"}'
  const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': signaturesOf([one, other], { id: 'evt_1', timestamp, body }) }
  t.strictSame([one, other].map((secret) => new Webhook(secret).verify(body, headers)), [JSON.parse(body), JSON.parse(body)])
  t.throws(() => new Webhook(newSecret()).verify(body, headers))
  t.throws(() => new Webhook(one).verify(`${body} `, headers))
})

t.test('secrets are whsec_ and base64 of 24 to 64 bytes', async (t) => {
  t.equal(bytesOf(newSecret()).length, 32)
  const of = (bytes: number) => `whsec_${randomBytes(bytes).toString('base64')}`
  t.strictSame([24, 64].map((bytes) => bytesOf(of(bytes)).length), [24, 64])
  const patterns = collectRounds()
  for (const text of [of(23), of(65), 'whsec_', newSecret().slice(6), `${newSecret()}!`]) patterns.add(thrown(() => bytesOf(text)), { message: 'a stored secret is not whsec_ and base64 of 24 to 64 bytes' })
  t.match(patterns.seen, patterns.expected)
})

t.test('payloads are thin JSON of less than 20 kB', async (t) => {
  const at = new Date(NOW)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'whe_1' } }), '{"type":"webhook.test","timestamp":"2026-01-01T00:00:00.000Z","data":{"endpoint":"whe_1"}}')
  const length = String(payloadOf({ type: 'webhook.test', at, data: { endpoint: '' } })).length
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'x'.repeat(19_999 - length) } })?.length, 19_999)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'x'.repeat(20_000 - length) } }), undefined)
  t.equal(payloadOf({ type: 'webhook.test', at, data: { endpoint: 'ä'.repeat(10_000) } }), undefined, 'bytes are counted')
})

t.test('attempts follow the schedule, later by up to a fifth, and never earlier than the receiver asked for', async (t) => {
  const wait = (attemptsMade: number, random: number, retryAfter?: number) => {
    const at = nextAttempt({ schedule: defaultSchedule, attemptsMade, now: NOW, random, retryAfter })
    return at && (at.getTime() - NOW) / 1000
  }
  t.strictSame([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((made) => wait(made, 0)), [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, undefined])
  t.equal(wait(1, 0.5), 5.5)
  t.equal(wait(1, 0, 700), 700)
  t.equal(wait(3, 0, 700), 1800)
  t.equal(wait(1, 0, 1e15), 86_400, 'a day at most')
  t.strictSame(['120', '0', 'Thu, 01 Jan 2026 00:02:00 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT', undefined, '-1', '1.5', 'soon', 'soon GMT', ''].map((field) => readRetryAfter(field, NOW)), [120, 0, 120, 0, undefined, undefined, undefined, undefined, undefined, undefined])
})

t.test('an attempt delivers, ends or postpones its delivery', async (t) => {
  const fresh = { type: 'key.expiring', attempts: [] } as const
  const after = (result: SendResult, delivery: Parameters<typeof settle>[1] = fresh) => settle({ result, startedAt: NOW - 20, now: NOW }, delivery, policy, 0)
  const attempt = { at: new Date(NOW - 20), took: 20 }
  const pending = (outcome: string, status: number, seconds: number) => ({ attempt: { ...attempt, outcome, status }, state: 'pending', nextAt: new Date(NOW + seconds * 1000) })
  t.strictSame([200, 201, 204, 299].map((status) => after({ status })), [200, 201, 204, 299].map((status) => ({ attempt: { ...attempt, outcome: 'delivered', status }, state: 'delivered' })))
  t.strictSame([300, 301, 302, 304, 307, 308].map((status) => after({ status })), [300, 301, 302, 304, 307, 308].map((status) => pending('redirected', status, 5)))
  const refusing = [400, 401, 404, 500, 502, 199, 999]
  t.strictSame(refusing.map((status) => after({ status, retryAfter: '700' })), refusing.map((status) => pending('refused', status, 5)))
  t.strictSame([429, 503].map((status) => after({ status, retryAfter: '700' })), [429, 503].map((status) => pending('refused', status, 700)))
  const failures = ['timeout', 'unreachable', 'forbidden-address', 'insecure', 'undecryptable'] as const
  t.strictSame(failures.map((failure) => after({ failure })), failures.map((outcome) => ({ attempt: { ...attempt, outcome }, state: 'pending', nextAt: new Date(NOW + 5000) })))
  t.strictSame(after({ status: 410 }), { attempt: { ...attempt, outcome: 'gone', status: 410 }, state: 'failed' })
  t.strictSame(after({ failure: 'disabled' }), { attempt: { ...attempt, outcome: 'disabled' }, state: 'failed' })
  t.equal(after({ status: 500 }, { ...fresh, type: 'webhook.test' }).state, 'failed', 'a test is tried once')
  const nine = Array.from({ length: 9 }, () => ({ ...attempt, outcome: 'refused' as const }))
  t.equal(after({ status: 500 }, { ...fresh, attempts: nine }).state, 'failed', 'the tenth is the last')
})

t.test('an attempt changes the health of its endpoint', async (t) => {
  const endpoint: WebhookEndpoint = { id: 'whe_1', workspace: 'w1', url: 'https://example.com/', events: [], secrets: [], createdAt: new Date(NOW), version: 3 }
  const at = new Date(NOW + 1000)
  const failing = { ...endpoint, failingSince: at, updatedAt: at, version: 4 }
  const after = (one: WebhookEndpoint, outcome: Parameters<typeof endpointAfter>[1]['outcome'], when = at) => endpointAfter(one, { at: when, took: 1, outcome }, policy)
  t.equal(after(endpoint, 'delivered'), undefined)
  t.strictSame(after({ ...endpoint, updatedBy: { kind: 'api-key', id: 'key_1' } }, 'refused'), failing)
  t.equal(after(failing, 'timeout', new Date(at.getTime() + 431_999_000)), undefined)
  const later = new Date(at.getTime() + 432_000_000)
  t.strictSame(after(failing, 'timeout', later), { ...failing, disabledAt: later, disabledReason: 'failing', updatedAt: later, version: 5 })
  t.strictSame(after(failing, 'delivered'), { ...endpoint, updatedAt: at, version: 5 })
  t.strictSame(after(endpoint, 'gone'), { ...endpoint, disabledAt: at, disabledReason: 'gone', updatedAt: at, version: 4 })
  t.strictSame(after(failing, 'gone'), { ...failing, disabledAt: at, disabledReason: 'gone', version: 5 })
  t.strictSame((['disabled', 'undecryptable'] as const).map((outcome) => after(endpoint, outcome)), [undefined, undefined], 'the receiver had no part in it')
  t.equal(after({ ...endpoint, disabledAt: at }, 'refused'), undefined)
})

t.test('an encrypted secret is decrypted by any of the keys, for its own endpoint alone', async (t) => {
  const [older, newer] = [randomBytes(32), randomBytes(32)]
  const secret = newSecret()
  const value = createSecretEncryption([older]).encrypt(secret, 'whe_1')
  t.notMatch(value, secret.slice(6))
  t.not(createSecretEncryption([older]).encrypt(secret, 'whe_1'), value)
  t.equal(createSecretEncryption([newer, older]).decrypt(value, 'whe_1'), secret)
  t.equal(createSecretEncryption([newer]).decrypt(secret, 'whe_1'), secret, 'what was stored before there was a key')
  t.equal(createSecretEncryption([]).encrypt(secret, 'whe_1'), secret)
  const patterns = collectRounds()
  for (const [keys, of, text] of [[[newer], 'whe_1', value], [[], 'whe_1', value], [[older], 'whe_2', value], [[older], 'whe_1', `${value.slice(0, -2)}AA`], [[older], 'whe_1', 'encrypted.x']] as const) {
    patterns.add(thrown(() => createSecretEncryption(keys).decrypt(text, of)), { message: 'no key of webhooks.secretKeys decrypts a stored secret' })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('an endpoint that failed and was never attempted again counts as failing for an hour', async (t) => {
  const places = createPlaces({ concurrency: 2, perEndpoint: 2 })
  const refOf = (endpointId: string) => ({ workspace: 'w1', endpointId })
  for (let i = 0; i < 1000; i++) places.setFailing(refOf(`whe_${i}`), true, NOW)
  places.take(refOf('whe_0'))
  t.equal(places.limits(NOW + 3_599_999).length, 1000, 'failing endpoints have half of the places')
  t.strictSame(places.limits(NOW + 3_600_000), [{ ...refOf('whe_0'), limit: 1 }])
})
