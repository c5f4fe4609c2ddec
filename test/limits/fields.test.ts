import type { LatchkeyOptions } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { bootError, guarded, refused, untyped } from '../helpers/limits.js'

const one = [{ name: 'minute', quota: 2, window: 60 }]
const two = [{ name: 'hour', quota: 100, window: 3600 }, { name: 'minute', quota: 2, window: 60 }]
const ALL = ['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']

async function fieldsOf (t: Parameters<typeof guarded>[0], rateLimitFields: LatchkeyOptions['rateLimitFields'], policies = one) {
  const { app, as, clock } = await guarded(t, { rateLimitFields, limits: { environments: { production: policies, sandbox: [] } } })
  async function ask () {
    const response = await as.inject(app, { scopes: [] }, '/')
    clock.advance(1.5)
    return { response, fields: Object.fromEntries(ALL.flatMap((name) => response.headers[name] === undefined ? [] : [[name, response.headers[name]]])) }
  }
  const first = await ask()
  await ask()
  const last = await ask()
  refused(t, last.response, { status: 429, code: 'RATE_LIMITED', retryAfter: 57 })
  return [first.fields, last.fields]
}

t.test('the current draft shows what is left, until when, and the policies', async (t) => {
  const policy = '"minute";q=2;w=60'
  t.same(await fieldsOf(t, undefined), [{ ratelimit: '"minute";r=1;t=60', 'ratelimit-policy': policy }, { ratelimit: '"minute";r=0;t=57', 'ratelimit-policy': policy }])
  t.same(await fieldsOf(t, 'draft'), await fieldsOf(t, undefined))
})

t.test('the current draft lists several policies', async (t) => {
  const policies = '"hour";q=100;w=3600, "minute";q=2;w=60'
  t.same(await fieldsOf(t, 'draft', two), [
    { ratelimit: '"hour";r=99;t=3600, "minute";r=1;t=60', 'ratelimit-policy': policies },
    { ratelimit: '"hour";r=98;t=3597, "minute";r=0;t=57', 'ratelimit-policy': policies },
  ])
})

t.test('the older fields, with and without X-, show the tightest policy', async (t) => {
  t.same(await fieldsOf(t, 'trio', two), [
    { 'ratelimit-limit': '2', 'ratelimit-remaining': '1', 'ratelimit-reset': '60' },
    { 'ratelimit-limit': '2', 'ratelimit-remaining': '0', 'ratelimit-reset': '57' },
  ])
  t.same(await fieldsOf(t, 'x-ratelimit', two.toReversed()), [
    { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '60' },
    { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '57' },
  ])
})

t.test('several formats are sent together, or none', async (t) => {
  const [first = {}] = await fieldsOf(t, ['draft', 'trio', 'x-ratelimit'])
  t.same(Object.keys(first), ALL)
  t.same(await fieldsOf(t, false), [{}, {}])
  t.same(await fieldsOf(t, []), [{}, {}])
})

t.test('an unknown format is refused at boot', async (t) => {
  const patterns = collectRounds()
  for (const rateLimitFields of ['drafts', ['draft', 'x'], true, 7]) {
    patterns.add(await bootError(t, untyped({ rateLimitFields })), /option rateLimitFields(\.1)? must be /)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('Retry-After is that of the slowest policy that refuses, and after it a request is admitted', async (t) => {
  const policies = [{ name: 'second', quota: 1, window: 1 }, { name: 'ten', quota: 1, window: 10 }, { name: 'hour', quota: 100, window: 3600 }]
  const { app, as, clock } = await guarded(t, { limits: { environments: { production: policies, sandbox: [] } } })
  const ask = () => as.inject(app, { scopes: [] }, '/')
  await ask()
  clock.advance(0.001)
  const response = await ask()
  refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 10 })
  t.equal(response.headers.ratelimit, '"second";r=0;t=1, "ten";r=0;t=10, "hour";r=99;t=3600')
  clock.advance(9)
  refused(t, await ask(), { status: 429, code: 'RATE_LIMITED', retryAfter: 1 })
  clock.advance(1)
  t.equal((await ask()).statusCode, 200)
})

t.test('a part of a second is rounded up to one', async (t) => {
  const { app, as, clock } = await guarded(t, { limits: { environments: { production: [{ name: 'fast', quota: 10, window: 1, burst: 1 }], sandbox: [] } } })
  await as.inject(app, { scopes: [] }, '/')
  clock.advance(0.099)
  const response = await as.inject(app, { scopes: [] }, '/')
  refused(t, response, { status: 429, code: 'RATE_LIMITED', retryAfter: 1 })
  t.equal(response.headers.ratelimit, '"fast";r=0;t=1')
})
