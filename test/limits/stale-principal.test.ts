import { contextOf } from '../../lib/core/access-context.js'
import { InvalidCredential, type LimitStore, type Principal, type Resolver } from 'fastify-latchkey'
import { createMemoryLimitStore, type Outcome, type Take } from 'fastify-latchkey/limits'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, principal, refused, scopes, untyped } from '../helpers/limits.js'

interface Change {
  /** The principal that this process has cached. */
  cached?: Partial<Principal>
  /** The principal as it is stored now; null for a revoked credential. */
  current?: Partial<Principal> | null | (() => never)
  marker?: number
  store?: Partial<LimitStore>
  dryRun?: boolean
  later?: boolean
  /** Of the route. */
  cost?: number
}

const PREMIUM = [{ name: 'premium', quota: 50, window: 60 }]
const challenge = 'Bearer realm="api", error="invalid_token"'

/** An app with one credential, as it is cached and as it is stored, and a limit store that answers a version marker. */
async function changed (t: Test, { cached, current = {}, marker, store = {}, dryRun = false, later = false, cost = 1 }: Change) {
  const seen = { fresh: 0, ran: 0, published: [] as Array<[string, number]>, takes: [] as Take[], decisions: [] as string[] }
  const memory = createMemoryLimitStore()
  const answer = (take: Take): Outcome => {
    seen.takes.push(take)
    return { ...memory.take(take), ...marker !== undefined && { versionMarker: marker } }
  }
  const resolver: Resolver = {
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer' },
    resolve (token, _now, { fresh }) {
      const base = { scopes: ['devices:read'], version: 1 }
      if (!fresh) return principal('key_1', { ...base, ...cached })
      seen.fresh++
      if (typeof current === 'function') return current()
      if (current === null) throw new InvalidCredential('revoked', 'The API key was revoked.')
      return principal('key_1', { ...base, ...current })
    },
  }
  const { app } = await guarded(t, {
    resolvers: [resolver],
    environment: () => ['production', 'elsewhere'],
    limits: {
      dryRun,
      tiers: { premium: PREMIUM, free: [] },
      onDecision: ({ outcome, policies }) => { seen.decisions.push([outcome, ...policies.map(({ policy }) => policy.name)].join(' ')) },
      store: {
        take: (take) => later ? Promise.resolve(answer(take)) : answer(take),
        async publishVersion ({ id }, version) { seen.published.push([id, version]) },
        ...store,
      },
    },
  }, (app) => app.get('/', { schema: scopes.secure('devices:read', { cost }) }, async ({ principal }) => { seen.ran++; return principal }))
  return { seen, app, ask: () => app.inject({ url: '/', headers: { authorization: 'Bearer of-this-test' } }) }
}

for (const later of [false, true]) {
  const how = later ? 'asynchronously' : 'synchronously'

  t.test(`${how}: a principal of the current version goes on, and is not loaded again`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 1, later })
    t.equal((await ask()).statusCode, 200)
    t.match(seen, { fresh: 0, ran: 1, published: [], decisions: ['admitted production'] })
  })

  t.test(`${how}: a store without version markers changes nothing`, async (t) => {
    const { ask, seen } = await changed(t, { later, store: untyped({ publishVersion: undefined }) })
    t.equal((await ask()).statusCode, 200)
    t.match(seen, { fresh: 0, ran: 1 })
  })

  t.test(`${how}: a store that answers an older record than its marker says is behind, and lets nobody in`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 3, current: { version: 2 }, later })
    const response = await ask()
    refused(t, response, { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    t.match(seen, { fresh: 1, ran: 0, decisions: [] })
  })

  t.test(`${how}: a credential that was revoked meanwhile is refused, and the handler never runs`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 2, current: null, later })
    const response = await ask()
    t.equal(refused(t, response, { status: 401, code: 'CREDENTIAL_INVALID', challenge }).detail, 'The API key was revoked.')
    t.equal(response.headers.ratelimit, undefined)
    t.match(seen, { fresh: 1, ran: 0, published: [] })
  })

  t.test(`${how}: scopes that were removed meanwhile are gone`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 2, current: { version: 2, scopes: [] }, later })
    refused(t, await ask(), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
    t.match(seen, { ran: 0, published: [['key_1', 2]] })
  })
}

for (const [what, marker] of [['no marker is left', 0], ['the marker is older, since a newer one was lost', 1]] as const) {
  t.test(`where ${what}, the record is loaded and its version published, and the request counts once`, async (t) => {
    const { ask, seen } = await changed(t, { marker, cached: { version: 2 }, current: { version: 2 } })
    const response = await ask()
    t.equal(response.statusCode, 200)
    t.equal(response.headers.ratelimit, '"production";r=99;t=60')
    t.match(seen, { fresh: 1, ran: 1, published: [['key_1', 2]], decisions: ['admitted production'] })
    t.equal(seen.takes.length, 1)
  })
}

t.test('another tier counts by its own policies from this request on', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, current: { version: 2, tier: 'premium' } })
  const response = await ask()
  t.equal(response.headers.ratelimit, '"premium";r=49;t=60')
  t.match(response.json(), { tier: 'premium', version: 2 })
  t.same(seen.decisions, ['admitted premium'])
})

t.test('a caller over the limit of its earlier tier is let in by the current one', async (t) => {
  const { ask, seen } = await changed(t, {
    marker: 2,
    cached: { tier: 'premium' },
    current: { version: 2, tier: 'free' },
    store: { take: ({ policies }) => ({ admitted: policies.length === 0, versionMarker: 2, policies: policies.map((policy) => ({ policy, admitted: false, remaining: 0, reset: 9 })) }) },
  })
  t.equal((await ask()).statusCode, 200)
  t.same(seen.decisions, ['admitted'])
})

t.test('a tier without limits asks the store all the same', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, cached: { tier: 'free' }, current: null })
  refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
  t.same(seen.takes.map(({ policies }) => policies), [[]])
})

t.test('a dry run refuses nobody for quota, but refuses revoked keys', async (t) => {
  const { ask } = await changed(t, { marker: 2, current: null, dryRun: true })
  refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
})

for (const dryRun of [false, true]) {
  for (const later of [false, true]) {
    t.test(`a revoked key is refused also where the cost is above any quota${dryRun ? ' in a dry run' : ''}, ${later ? 'asynchronously' : 'synchronously'}`, async (t) => {
      const { ask, seen } = await changed(t, { marker: 2, current: null, cost: 5_000, dryRun, later })
      refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
      t.match(seen, { fresh: 1, ran: 0 })
      t.same(seen.takes.map(({ policies, cost }) => [policies, cost]), [[[], 0]], 'nothing was counted')
    })

    t.test(`a key that was not revoked is refused for its cost alone${dryRun ? ', and not at all in a dry run' : ''}, ${later ? 'asynchronously' : 'synchronously'}`, async (t) => {
      const rounds = collectRounds()
      const patterns = collectRounds()
      for (const marker of [1, 2]) {
        const { ask, seen } = await changed(t, { marker, current: { version: marker }, cost: 5_000, dryRun, later })
        const response = await ask()
        if (dryRun) rounds.add(response.statusCode, 200)
        else refused(t, response, { status: 403, code: 'COST_ABOVE_QUOTA' })
        patterns.add(seen, { fresh: marker - 1, ran: dryRun ? 1 : 0, decisions: ['too-costly'] })
      }
      t.strictSame(rounds.seen, rounds.expected)
      t.match(patterns.seen, patterns.expected)
    })
  }
}

t.test('where the record can\'t be loaded, the answer is 503', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, current: () => { throw new Error('down') } })
  refused(t, await ask(), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.equal(seen.ran, 0)
})

t.test('a current record that no profile covers is 503', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, current: { version: 2, environment: 'elsewhere' } })
  refused(t, await ask(), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.equal(seen.ran, 0)
})

t.test('where a version can\'t be published, the request goes on and the next one loads the record again', async (t) => {
  const rounds = collectRounds()
  for (const mark of [async () => { throw new Error('down') }, () => new Promise<never>(() => {})]) {
    const { ask, seen } = await changed(t, { marker: 0, store: { publishVersion: mark } })
    rounds.add((await ask()).statusCode, 200)
    rounds.add((await ask()).statusCode, 200)
    rounds.add(seen.fresh, 2)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a principal without a version is not compared, and its version is not published', async (t) => {
  const without = await changed(t, { marker: 0, cached: untyped({ version: undefined }) })
  t.equal((await without.ask()).statusCode, 200)
  t.equal(without.seen.fresh, 0)
  const lost = await changed(t, { marker: 0, current: untyped({ version: undefined }) })
  t.equal((await lost.ask()).statusCode, 200)
  t.strictSame([lost.seen.fresh, lost.seen.published], [1, []])
})

t.test('a store that answers version markers but can\'t publish them is believed', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, current: { version: 2 }, store: untyped({ publishVersion: undefined }) })
  t.equal((await ask()).statusCode, 200)
  t.equal(seen.fresh, 1)
})

t.test('an answer with a marker that is no version counts as no decision', async (t) => {
  const rounds = collectRounds()
  for (const marker of [NaN, -1, 0.5, '2', null]) {
    const { ask, seen } = await changed(t, { marker: untyped(marker) })
    refused(t, await ask(), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
    rounds.add(seen.ran, 0)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a request without a credential can\'t be authenticated again', async (t) => {
  const { app } = await changed(t, {})
  app.get('/public', { schema: scopes.public() }, async (request) => await contextOf(app).reauthenticate(request))
  const response = await app.inject('/public')
  t.equal(response.statusCode, 401)
  t.match(response.json(), { code: 'CREDENTIAL_MISSING' })
})
