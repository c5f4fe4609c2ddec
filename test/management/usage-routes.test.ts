import { createMemoryUsageStore } from 'fastify-latchkey/usage'
import t, { type Test } from 'tap'
import type { LatchkeyOptions } from 'fastify-latchkey'
import { collectRounds } from '../helpers/collect.js'
import { keyApi, person } from '../helpers/key-routes.js'
import { refused } from '../helpers/limits.js'

const HOUR = 3600
const store = createMemoryUsageStore

async function countedApi (t: Test, options: Partial<LatchkeyOptions> = {}, routes = {}) {
  const api = await keyApi(t, { latchkey: { usage: { store: store() }, ...options }, routes })
  const requests = async (who: keyof typeof api.callers, times: number, request = 'GET /devices') => {
    for (let i = 0; i < times; i++) await api.send(who, request)
  }
  return { ...api, requests, flush: api.app.latchkey.usage.flush }
}

t.test('a reader sees requests of a key by hour and outcome, with the limits that apply to it', async (t) => {
  const production = [{ name: 'production', quota: 3, window: 60 }]
  const { send, requests, flush, callers, clock } = await countedApi(t, { limits: { environments: { production, sandbox: [] }, tiers: {} } })
  await requests('plain', 2)
  await requests('plain', 1, 'GET /api-keys')
  clock.advance(HOUR)
  await requests('plain', 4)
  t.equal(await flush(), true)
  const answer = await send('reader', `GET /api-keys/${callers.plain.key.id}/usage`)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.strictSame(answer.json(), {
    by: 'hour',
    from: '2025-12-31T02:00:00.000Z',
    to: '2026-01-01T02:00:00.000Z',
    buckets: [
      { at: '2026-01-01T00:00:00.000Z', admitted: 2, limited: 0, refused: { INSUFFICIENT_SCOPE: 1 } },
      { at: '2026-01-01T01:00:00.000Z', admitted: 3, limited: 1, refused: {} }
    ],
    limits: production
  })
  t.match((await send('reader', `GET /api-keys/${callers.plain.key.id}/usage?by=day`)).json(), {
    by: 'day',
    from: '2025-12-03T00:00:00.000Z',
    to: '2026-01-02T00:00:00.000Z',
    buckets: [{ at: '2026-01-01T00:00:00.000Z', admitted: 5, limited: 1, refused: { INSUFFICIENT_SCOPE: 1 } }]
  })
})

t.test('a tier has limits of its own, and an environment without a profile none that are known', async (t) => {
  const free = [{ name: 'free', quota: 9, window: 60, burst: 3 }]
  const tags = { live: 'production', test: 'sandbox', old: 'attic' }
  const { app, send } = await countedApi(t, { limits: { tiers: { free, pro: [] } }, keys: { prefix: 'acme', tags } }, { session: () => person(), environmentsOf: async () => ['attic'] })
  async function limitsOf (more: { tier?: string, environment?: string }) {
    const { key: { id, environment } } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], ...more })
    return (await send(null, `GET /api-keys/${id}/usage?environment=${environment}`)).json().limits
  }
  t.strictSame(await limitsOf({ tier: 'free' }), [{ name: 'free', quota: 9, window: 60 }])
  t.strictSame(await limitsOf({ tier: 'pro' }), [])
  t.strictSame(await limitsOf({ tier: 'unknown' }), [{ name: 'production', quota: 100, window: 60 }])
  t.strictSame(await limitsOf({ environment: 'attic' }), [])
})

t.test('a workspace is reported as a whole, and each of the keys that are asked for', async (t) => {
  const { send, requests, flush, callers } = await countedApi(t)
  await requests('plain', 2)
  await requests('writer', 1)
  await requests('sandbox', 4)
  await requests('other', 8)
  await flush()
  const at = '2026-01-01T00:00:00.000Z'
  const range = '?from=2026-01-01T00:30:00Z&to=2026-01-01T02:30:00%2B02:00'
  const bucket = (admitted: number) => ({ at, admitted, limited: 0, refused: {} })
  const ids = [callers.plain, callers.sandbox, callers.other].map(({ key }) => key.id)
  const { keys, ...whole } = (await send('reader', `GET /api-keys/usage${range}&keys=${[...ids, ids[0], 'x%00y'].join()}`)).json()
  t.strictSame(whole, { by: 'hour', from: at, to: '2026-01-01T01:00:00.000Z', buckets: [bucket(3)] })
  t.strictSame(keys, { [ids[0] ?? '']: [bucket(2)], [ids[1] ?? '']: [], [ids[2] ?? '']: [], 'x\0y': [] }, 'of its workspace and environment alone')
  t.notOk('keys' in (await send('reader', `GET /api-keys/usage${range}`)).json())
})

t.test('a key of another workspace or environment is not there, and who may not see keys sees no counts', async (t) => {
  const { send, callers } = await countedApi(t)
  const missing = [callers.other.key.id, callers.sandbox.key.id, 'nope', '%00']
  for (const id of missing) refused(t, await send('reader', `GET /api-keys/${id}/usage`), { status: 404, code: 'KEY_NOT_FOUND' })
  refused(t, await send('reader', 'GET /api-keys/usage?workspace=w2'), { status: 404, code: 'KEY_NOT_FOUND' })
  const challenge = 'Bearer realm="api", error="insufficient_scope", scope="api_keys:read"'
  for (const path of ['usage', `${callers.plain.key.id}/usage`]) refused(t, await send('plain', `GET /api-keys/${path}`), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge })
})

t.test('what can\'t be reported is refused with what to write instead', async (t) => {
  const { send, callers } = await countedApi(t)
  const cases = {
    'by=minute': 'by must be "hour" or "day", not "minute"',
    'from=yesterday': /^from must be an RFC 3339 date-time that exists/,
    'to=2026-02-30T00:00:00Z': /^to must be an RFC 3339 date-time that exists/,
    'from=2026-01-01T02:00:00Z&to=2026-01-01T02:00:00Z': 'from must be an instant before to',
    'from=2025-11-29T12:00:00Z': 'by hour, a report has at most 32 days, not 33: ask in parts',
    'by=day&from=2024-12-31T00:00:00Z&to=2026-01-01T00:00:01Z': 'by day, a report has at most 366 days, not 367: ask in parts',
  }
  const patterns = collectRounds()
  for (const path of ['usage', `${callers.plain.key.id}/usage`]) {
    for (const [query, detail] of Object.entries(cases)) {
      patterns.add(refused(t, await send('reader', `GET /api-keys/${path}?${query}`), { status: 400, code: 'KEY_INPUT_INVALID' }), { detail }, query)
    }
  }
  t.match(patterns.seen, patterns.expected)
  const many = Array.from({ length: 101 }, (_, i) => `k${i}`).join()
  t.match(refused(t, await send('reader', `GET /api-keys/usage?keys=${many}`), { status: 400, code: 'KEY_INPUT_INVALID' }), { detail: 'keys must be at most 100 ids' })
})

t.test('the keys of a report times its hours or days have a bound; what a page asks for by default is within it', async (t) => {
  const { send } = await countedApi(t)
  const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`).join()
  const ofYear = 'by=day&from=2024-12-31T00:00:00Z&to=2026-01-01T00:00:00Z'
  const refusals = {
    [`${ofYear}&keys=${keys(100)}`]: 'keys times days must be at most 5000, not 36600: ask for at most 13 keys at a time, or for a shorter range',
    [`${ofYear}&keys=${keys(14)}`]: 'keys times days must be at most 5000, not 5124: ask for at most 13 keys at a time, or for a shorter range',
    [`from=2025-12-01T00:00:00Z&keys=${keys(7)}`]: 'keys times hours must be at most 5000, not 5215: ask for at most 6 keys at a time, or for a shorter range'
  }
  const patterns = collectRounds()
  for (const [query, detail] of Object.entries(refusals)) {
    patterns.add(refused(t, await send('reader', `GET /api-keys/usage?${query}`), { status: 400, code: 'KEY_INPUT_INVALID' }), { detail })
  }
  t.match(patterns.seen, patterns.expected)
  const answered = [ofYear, `${ofYear}&keys=${keys(13)}`, `keys=${keys(100)}`, `by=day&keys=${keys(100)}`]
  t.strictSame(await Promise.all(answered.map(async (query) => (await send('reader', `GET /api-keys/usage?${query}`)).statusCode)), [200, 200, 200, 200])
})

t.test('a store that fails is an outage of the reports, and of nothing else', async (t) => {
  const failing = { ...store(), read: () => { throw new Error('secret-42') } }
  const { send, callers } = await countedApi(t, { usage: { store: failing } })
  for (const path of ['usage', `${callers.plain.key.id}/usage`]) {
    refused(t, await send('reader', `GET /api-keys/${path}`), { status: 503, code: 'USAGE_UNAVAILABLE', retryAfter: 1 })
  }
  t.equal((await send('plain', 'GET /devices')).statusCode, 200)
})

t.test('the caller says whether requests are counted; where they are not, nothing is reported', async (t) => {
  const counted = await countedApi(t)
  t.equal((await counted.send('reader', 'GET /api-keys/caller')).json().usage, true)
  const { app, send } = await keyApi(t)
  t.throws(() => app.latchkey.usage, { message: /app\.latchkey\.usage is not there: option usage is left out; write usage: \{ store \}/ })
  t.notOk('usage' in (await send('reader', 'GET /api-keys/caller')).json())
  refused(t, await send('reader', 'GET /api-keys/usage'), { status: 404, code: 'KEY_NOT_FOUND' })
  t.equal((await send('reader', 'GET /api-keys/x/usage')).statusCode, 404)
})

t.test('a session reports by the same rules', async (t) => {
  const { send, requests, flush, callers } = await countedApi(t, {}, { session: () => person({ scopes: ['api_keys:read'] }), environmentsOf: async () => ['sandbox'] })
  await requests('sandbox', 2)
  await flush()
  t.match((await send(null, 'GET /api-keys/usage?environment=sandbox')).json().buckets, [{ admitted: 2 }])
  t.match((await send(null, `GET /api-keys/${callers.sandbox.key.id}/usage?environment=sandbox`)).json().buckets, [{ admitted: 2 }])
  t.equal((await send(null, `GET /api-keys/${callers.sandbox.key.id}/usage`)).statusCode, 404)
})
