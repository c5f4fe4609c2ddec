import { contextOf } from '../../lib/core/access-context.js'
import { InvalidCredential, type LimitStore, type Principal, type Resolver } from 'fastify-latchkey'
import { createMemoryLimitStore, type Outcome, type Take } from 'fastify-latchkey/limits'
import t, { type Test } from 'tap'
import { guarded, principal, refused, scopes, untyped } from '../helpers/limits.js'

interface Change {
  /** What this process holds. */
  held?: Partial<Principal>
  /** What anybody who asks now is told; null is a credential that is good no more. */
  truth?: Partial<Principal> | null | (() => never)
  marker?: number
  store?: Partial<LimitStore>
  dryRun?: boolean
  later?: boolean
  /** Of the route. */
  cost?: number
}

const PREMIUM = [{ name: 'premium', quota: 50, window: 60 }]
const challenge = 'Bearer realm="api", error="invalid_token"'

/** One credential as this process holds it and as it is, behind a store whose marker says which version is in force. */
async function changed (t: Test, { held, truth = {}, marker, store = {}, dryRun = false, later = false, cost = 1 }: Change) {
  const seen = { fresh: 0, ran: 0, marks: [] as Array<[string, number]>, takes: [] as Take[], decisions: [] as string[] }
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
      if (!fresh) return principal('key_1', { ...base, ...held })
      seen.fresh++
      if (typeof truth === 'function') return truth()
      if (truth === null) throw new InvalidCredential('revoked', 'The API key was revoked.')
      return principal('key_1', { ...base, ...truth })
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
        async publishVersion ({ id }, version) { seen.marks.push([id, version]) },
        ...store,
      },
    },
  }, (app) => app.get('/', { schema: scopes.secure('devices:read', { cost }) }, async ({ principal }) => { seen.ran++; return principal }))
  return { seen, app, ask: () => app.inject({ url: '/', headers: { authorization: 'Bearer of-this-test' } }) }
}

for (const later of [false, true]) {
  const how = later ? 'promised' : 'at once'

  t.test(`${how}: a principal of the version in force goes on, and nobody is asked again`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 1, later })
    t.equal((await ask()).statusCode, 200)
    t.match(seen, { fresh: 0, ran: 1, marks: [], decisions: ['admitted production'] })
  })

  t.test(`${how}: a store that keeps no markers changes nothing`, async (t) => {
    const { ask, seen } = await changed(t, { later })
    t.equal((await ask()).statusCode, 200)
    t.match(seen, { fresh: 0, ran: 1 })
  })

  t.test(`${how}: a credential that was revoked meanwhile is refused, and the handler never runs`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 2, truth: null, later })
    const response = await ask()
    t.equal(refused(t, response, { status: 401, code: 'CREDENTIAL_INVALID', challenge }).detail, 'The API key was revoked.')
    t.equal(response.headers.ratelimit, undefined)
    t.match(seen, { fresh: 1, ran: 0, marks: [] })
  })

  t.test(`${how}: scopes that were taken away meanwhile are gone`, async (t) => {
    const { ask, seen } = await changed(t, { marker: 2, truth: { version: 2, scopes: [] }, later })
    refused(t, await ask(), { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="devices:read"' })
    t.match(seen, { ran: 0, marks: [['key_1', 2]] })
  })
}

for (const [what, marker] of [['no marker is left', 0], ['the marker is older, since a newer one was lost', 1]] as const) {
  t.test(`where ${what}, the truth is asked and marked, and what was counted counts`, async (t) => {
    const { ask, seen } = await changed(t, { marker, held: { version: 2 }, truth: { version: 2 } })
    const response = await ask()
    t.equal(response.statusCode, 200)
    t.equal(response.headers.ratelimit, '"production";r=99;t=60')
    t.match(seen, { fresh: 1, ran: 1, marks: [['key_1', 2]], decisions: ['admitted production'] })
    t.equal(seen.takes.length, 1)
  })
}

t.test('another tier counts by its own policies from this request on', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, truth: { version: 2, tier: 'premium' } })
  const response = await ask()
  t.equal(response.headers.ratelimit, '"premium";r=49;t=60')
  t.match(response.json(), { tier: 'premium', version: 2 })
  t.same(seen.decisions, ['admitted premium'])
})

t.test('whoever was over the limit of the tier before is let in by the one that holds now', async (t) => {
  const { ask, seen } = await changed(t, {
    marker: 2,
    held: { tier: 'premium' },
    truth: { version: 2, tier: 'free' },
    store: { take: ({ policies }) => ({ admitted: policies.length === 0, versionMarker: 2, policies: policies.map((policy) => ({ policy, admitted: false, remaining: 0, reset: 9 })) }) },
  })
  t.equal((await ask()).statusCode, 200)
  t.same(seen.decisions, ['admitted'])
})

t.test('a tier without limits makes the trip all the same', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, held: { tier: 'free' }, truth: null })
  refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
  t.same(seen.takes.map(({ policies }) => policies), [[]])
})

t.test('a dry run refuses nobody for quota, and whoever was revoked all the same', async (t) => {
  const { ask } = await changed(t, { marker: 2, truth: null, dryRun: true })
  refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
})

for (const dryRun of [false, true]) {
  for (const later of [false, true]) {
    t.test(`whoever was revoked is refused also where the cost is above any quota${dryRun ? ' and refuses nobody' : ''}, ${later ? 'promised' : 'at once'}`, async (t) => {
      const { ask, seen } = await changed(t, { marker: 2, truth: null, cost: 5_000, dryRun, later })
      refused(t, await ask(), { status: 401, code: 'CREDENTIAL_INVALID', challenge })
      t.match(seen, { fresh: 1, ran: 0 })
      t.same(seen.takes.map(({ policies, cost }) => [policies, cost]), [[[], 0]], 'nothing was counted')
    })

    t.test(`… and whoever was not, by the cost alone${dryRun ? ', if anybody' : ''}, ${later ? 'promised' : 'at once'}`, async (t) => {
      for (const marker of [1, 2]) {
        const { ask, seen } = await changed(t, { marker, truth: { version: marker }, cost: 5_000, dryRun, later })
        const response = await ask()
        if (dryRun) t.equal(response.statusCode, 200)
        else refused(t, response, { status: 403, code: 'COST_ABOVE_QUOTA' })
        t.match(seen, { fresh: marker - 1, ran: dryRun ? 1 : 0, decisions: ['too-costly'] })
      }
    })
  }
}

t.test('when nobody can say what is true, the answer is 503', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, truth: () => { throw new Error('down') } })
  refused(t, await ask(), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.equal(seen.ran, 0)
})

t.test('a truth that no profile counts is 503', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, truth: { version: 2, environment: 'elsewhere' } })
  refused(t, await ask(), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.equal(seen.ran, 0)
})

t.test('a marker that can\'t be written delays nobody for good: the next request asks again', async (t) => {
  for (const mark of [async () => { throw new Error('down') }, () => new Promise<never>(() => {})]) {
    const { ask, seen } = await changed(t, { marker: 0, store: { publishVersion: mark } })
    t.equal((await ask()).statusCode, 200)
    t.equal((await ask()).statusCode, 200)
    t.equal(seen.fresh, 2)
  }
})

t.test('a principal without a version is not compared, and one that lost its own is not marked', async (t) => {
  const without = await changed(t, { marker: 0, held: untyped({ version: undefined }) })
  t.equal((await without.ask()).statusCode, 200)
  t.equal(without.seen.fresh, 0)
  const lost = await changed(t, { marker: 0, truth: untyped({ version: undefined }) })
  t.equal((await lost.ask()).statusCode, 200)
  t.match(lost.seen, { fresh: 1, marks: [] })
})

t.test('a store that answers markers but takes none is believed', async (t) => {
  const { ask, seen } = await changed(t, { marker: 2, truth: { version: 2 }, store: untyped({ mark: undefined }) })
  t.equal((await ask()).statusCode, 200)
  t.equal(seen.fresh, 1)
})

t.test('a marker that is no version has not decided', async (t) => {
  for (const marker of [NaN, -1, 0.5, '2', null]) {
    const { ask, seen } = await changed(t, { marker: untyped(marker) })
    refused(t, await ask(), { status: 503, code: 'LIMITER_UNAVAILABLE', retryAfter: 1 })
    t.equal(seen.ran, 0)
  }
})

t.test('a request without a credential can\'t be authenticated again', async (t) => {
  const { app } = await changed(t, {})
  app.get('/open', { schema: scopes.public() }, async (request) => await contextOf(app).reauthenticate(request))
  const response = await app.inject('/open')
  t.equal(response.statusCode, 401)
  t.match(response.json(), { code: 'CREDENTIAL_MISSING' })
})
