import type { FastifyInstance } from 'fastify'
import type { LatchkeyOptions } from 'fastify-latchkey'
import { compilePolicy } from 'fastify-latchkey/limits'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { bootError, guarded, scopes, untyped } from '../helpers/limits.js'

const policy = { name: 'p', quota: 10, window: 60 }
const withPolicy = (more: object): Partial<LatchkeyOptions> => ({ limits: { profiles: { heavy: [untyped({ ...policy, ...more })] } } })

t.test('numbers that make no limiter are refused at boot, with their path, what was given and what to write', async (t) => {
  const bad = [-1, 0.5, NaN, '10', 2 ** 53, Infinity, -Infinity, null, [], {}]
  const patterns = collectRounds()
  for (const value of bad) {
    patterns.add(await bootError(t, withPolicy({ quota: value })), /^OptionError: fastify-latchkey: option limits\.profiles\.heavy\.0\.quota must be a whole number of at least 0 .*, not /, `quota ${String(value)}`)
    patterns.add(await bootError(t, withPolicy({ window: value })), /option limits\.profiles\.heavy\.0\.window must be whole seconds, at least 1 .*, not /, `window ${String(value)}`)
    patterns.add(await bootError(t, withPolicy({ burst: value })), /option limits\.profiles\.heavy\.0\.burst must be a whole number from 1 .*, not /, `burst ${String(value)}`)
  }
  t.match(patterns.seen, patterns.expected)
  t.match(await bootError(t, withPolicy({ window: 0 })), /window must be whole seconds, at least 1/)
  t.match(await bootError(t, withPolicy({ burst: 0 })), /burst must be a whole number from 1/)
  t.match(await bootError(t, withPolicy({ quota: 1_000_000_000_000_000 })), /at most 15 digits/, 'no Integer of a structured field')
})

t.test('contradictions are refused at boot', async (t) => {
  t.match(await bootError(t, withPolicy({ burst: 5, sliding: true })), /policy p has burst and sliding; a token bucket is one kind of limiter/)
  t.match(await bootError(t, withPolicy({ quota: 1, window: 31_622_400, burst: 1_000 })), /policy p: a burst of 1000 at 1 in 31622400 s takes more than a hundred years to fill/)
  t.match(await bootError(t, withPolicy({ quota: 700_000, window: 1, burst: 5 })), /policy p: a token bucket counts in whole microseconds, so it would let in 500000 in 1 s, not 700000/)
  const twice = [policy, { ...policy, quota: 1 }]
  const faults = []
  for (const limits of [{ environments: { production: twice, sandbox: [] } }, { tiers: { free: twice } }, { profiles: { heavy: twice } }, { anonymous: twice }]) faults.push(await bootError(t, { limits }))
  t.match(faults, ['environments.production', 'tiers.free', 'profiles.heavy', 'anonymous'].map((path) => `option limits.${path} has two policies of the same name`))
  t.match(await bootError(t, { limits: { store: { take: () => { throw new Error('unused') } }, maxPartitions: 5 } }), /option limits\.maxPartitions is for the memory store/)
})

t.test('values at the bounds of an option are accepted', async (t) => {
  for (const more of [{ quota: 0 }, { quota: 999_999_999_999_999 }, { window: 31_622_400 }, { burst: 1 }, { quota: 0, burst: 5 }, { sliding: false, burst: 5 }, { quota: 1_000_000, window: 1, burst: 5 }, { sliding: true, partition: 'workspace' }]) {
    const { app } = await guarded(t, withPolicy(more))
    await app.ready()
  }
  t.equal(compilePolicy({ ...policy, quota: 0, burst: 5 }).capacity, 0)
})

t.test('other wrong options are refused at boot', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [{ quotas: 1 }, /unknown option limits\.quotas; known here: environments, tiers, profiles, /],
    [{ store: {} }, /option limits\.store must be a limit store: an object with take\(take\), not an object with nothing in it/],
    [{ store: { take: 1 } }, /option limits\.store must be a limit store/],
    [{ maxPartitions: 0 }, /option limits\.maxPartitions must be a whole number from 1 to 16,000,000, not 0/],
    [{ maxPartitions: 2 ** 24 }, /maxPartitions/],
    [{ deadline: 0 }, /option limits\.deadline must be seconds above 0/],
    [{ deadline: NaN }, /option limits\.deadline must be seconds above 0/],
    [{ dryRun: 'yes' }, /option limits\.dryRun must be true or false, not "yes"/],
    [{ onDecision: {} }, /option limits\.onDecision must be a function/],
    [{ tiers: [] }, /option limits\.tiers must be an object of profiles/],
    [{ tiers: { free: policy } }, /option limits\.tiers\.free must be an array of at most 16 policies/],
    [{ tiers: { free: Array.from({ length: 17 }, (_, i) => ({ ...policy, name: `p${i}` })) } }, /at most 16 policies/],
    [{ tiers: { free: [{ ...policy, name: 'a b' }] } }, /option limits\.tiers\.free\.0\.name must be a name of 1 to 64 letters/],
    [{ tiers: { free: [{ ...policy, name: 'a"' }] } }, /name must be a name/],
    [{ tiers: { free: [{ ...policy, partition: 'ip' }] } }, /partition must be 'principal' or 'workspace', not "ip"/],
    [{ tiers: { free: [{ ...policy, limit: 1 }] } }, /unknown option limits\.tiers\.free\.0\.limit/],
    [{ tiers: { free: [{ name: 'p', quota: 1 }] } }, /option limits\.tiers\.free\.0\.window is missing; it must be whole seconds/],
    [true, /option limits must be an object, or false for no limits, not true/],
  ]
  const patterns = collectRounds()
  for (const [limits, message] of rows) patterns.add(await bootError(t, untyped({ limits })), message)
  t.match(patterns.seen, patterns.expected)
})

t.test('a store may be an instance of a class', async (t) => {
  class Store { take () { return { admitted: true, policies: [] } } }
  const { app } = await guarded(t, { limits: { store: new Store() } })
  await app.ready()
})

function route (declaration: object): (app: FastifyInstance) => void {
  return function oneRoute (app) {
    app.get('/heavy', { schema: { ...scopes.secure(), ...declaration } }, async () => 'in')
  }
}

t.test('a route with an unknown profile refuses to start, and is named', async (t) => {
  t.match(await bootError(t, {}, route({ 'x-rate-limit': { profile: 'heavy' } })), /GET, HEAD \/heavy names the limits profile "heavy"; declared: none/)
  t.match(await bootError(t, withPolicy({}), route({ 'x-rate-limit': { profile: 'hevy' } })), /GET, HEAD \/heavy names the limits profile "hevy"; declared: heavy\n?/)
  const patterns = collectRounds()
  for (const profile of ['__proto__', 'constructor', 'toString']) {
    patterns.add(await bootError(t, withPolicy({}), route({ 'x-rate-limit': { profile } })), new RegExp(`GET, HEAD /heavy names the limits profile "${profile}"`))
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a route with a wrong cost refuses to start, and is named', async (t) => {
  const patterns = collectRounds()
  for (const cost of [-1, 0.5, NaN, '2', 2 ** 53, Infinity, null]) {
    patterns.add(await bootError(t, {}, route({ 'x-rate-limit': { cost } })), /GET, HEAD \/heavy schema\['x-rate-limit'\]\.cost must be a whole number of at least 0/, String(cost))
  }
  t.match(patterns.seen, patterns.expected)
  t.match(await bootError(t, {}, route({ 'x-rate-limit': { price: 1 } })), /GET, HEAD \/heavy schema\['x-rate-limit'\] knows profile, cost and anonymous, not price/)
})

t.test('a public route that declares limits refuses to start: nobody would be counted', async (t) => {
  const message = /GET, HEAD \/heavy is public and declares x-rate-limit; only authenticated requests are counted/
  t.match(await bootError(t, withPolicy({}), route({ security: [], 'x-rate-limit': { profile: 'heavy' } })), message)
  t.match(await bootError(t, {}, route({ security: [], 'x-rate-limit': { cost: 2 } })), message)
  const anonymous = { limits: { anonymous: [{ name: 'anonymous', quota: 30, window: 60 }] } }
  t.match(await bootError(t, anonymous, route({ security: [], 'x-rate-limit': { cost: 2, anonymous: false } })), /GET, HEAD \/heavy is public and declares a profile or cost with anonymous: false, by which nobody is counted; leave out one of them/)
  t.match(await bootError(t, {}, route({ 'x-rate-limit': { anonymous: false } })), /GET, HEAD \/heavy is guarded and declares anonymous: false; it is for public and optional routes: who gets 401 is always counted/)
})
