import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, type LatchkeyOptions } from 'fastify-latchkey'
import { createMemoryKeyStore, createProcessChanges, type KeysOptions } from 'fastify-latchkey/keys'
import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { fakeClock } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { bootError, principal, refused, scopes, untyped } from '../helpers/limits.js'
import { slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

async function keyed (t: Test, keys: Partial<KeysOptions>, options: Partial<LatchkeyOptions> = {}, routes: (app: FastifyInstance) => void = devices) {
  const clock = fakeClock()
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line) => lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme', ...keys }, transport: allowPlainHttp, clock: clock.now, failures: false, deadline: 0.05, ...options })
  routes(app)
  await app.ready()
  const ask = (text: string, url = '/devices') => app.inject({ url, headers: { authorization: `Bearer ${text}` } })
  const issue = (...scopes: string[]) => app.latchkey.keys.issue({ workspace: 'w1', owner: 'u1', scopes })
  return { app, clock, lines, ask, issue }
}

function devices (app: FastifyInstance): void {
  app.get('/devices', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal?.scopes)
  app.get('/any', { schema: scopes.secure() }, async () => 'any')
  app.get('/either', { schema: scopes.anyOf('deployments:stage', ['devices:read', 'devices:write']) }, async () => 'either')
  app.get('/own', { schema: { security: [{ session: ['devices:manage'] }, { apiKey: ['devices:read'] }] } }, async () => 'own')
  app.get('/optional', { schema: { security: [{ apiKey: ['devices:read'] }, {}] } }, async () => 'optional')
  app.get('/open', { schema: scopes.public() }, async () => 'open')
  app.get('/fails', { schema: scopes.secure('devices:write') }, async () => { throw new Error('fails') })
  app.get('/dear', { schema: scopes.secure('devices:read', { cost: 100 }) }, async () => 'dear')
}

/** A limits store with version markers. */
function limitsWithMarkers (): LimitStore {
  const memory = createMemoryLimitStore()
  const markers = new Map<string, number>()
  return {
    async take (take) {
      const { caller } = take
      const versionMarker = caller.kind === 'anonymous' ? 0 : markers.get(caller.id) ?? caller.version ?? 0
      return { ...await memory.take(take), versionMarker }
    },
    async publishVersion ({ id }, version) { markers.set(id, Math.max(version, markers.get(id) ?? 0)) }
  }
}

const session = { scheme: 'session', kind: 'access-token', description: { type: 'http', scheme: 'bearer' }, resolve: () => undefined } as const

t.test('a store is asked once for a key where changes are known, and each time where they are not', async (t) => {
  const rows: Array<[what: string, keys: Partial<KeysOptions>, options: Partial<LatchkeyOptions>, asked: number]> = [
    ['nothing invalidates', {}, {}, 3],
    ['a bus', { cache: { changes: createProcessChanges() } }, {}, 1],
    ['markers', {}, { limits: { store: limitsWithMarkers() } }, 1],
    ['markers, and a size', { cache: { maxRecords: 5, maxAge: 1 } }, { limits: { store: limitsWithMarkers() } }, 1],
    ['markers, and the cache is off', { cache: false }, { limits: { store: limitsWithMarkers() } }, 3],
    ['limits without markers', {}, { limits: { store: createMemoryLimitStore() } }, 3],
    ['no limits', {}, { limits: false }, 3]
  ]
  const rounds = collectRounds()
  for (const [what, keys, options, asked] of rows) {
    const store = slowStore()
    const { ask, issue } = await keyed(t, { store, ...keys }, { ...options, resolvers: [session] })
    const { secret } = await issue('devices:read')
    for (let n = 0; n < 3; n++) rounds.add((await ask(secret)).statusCode, 200)
    rounds.add(store.asked.length, asked, what)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a store that is behind its version markers is told to connect anew, and where it can\'t, that is logged', async (t) => {
  const rows: Array<[() => void | Promise<void>, logged: number]> = [
    [() => {}, 0], [() => { throw new Error('a secret') }, 1], [async () => { throw new Error('a secret') }, 1]
  ]
  const rounds = collectRounds()
  for (const [reconnect, logged] of rows) {
    let times = 0
    const store = slowStore({ reconnect () { times++; return reconnect() } })
    const limits = limitsWithMarkers()
    const { ask, issue, lines } = await keyed(t, { store }, { limits: { store: limits }, resolvers: [session] })
    const { secret, key } = await issue('devices:read')
    await limits.publishVersion?.(principal(key.id), 2)
    refused(t, await ask(secret), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
    rounds.add(times, 1)
    rounds.add(lines.filter((line) => line.includes('did not connect anew')).length, logged)
    rounds.add(String(lines.join()).includes('a secret'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a cache that nothing would invalidate does not start; a store that answers from memory needs none', async (t) => {
  const said = await bootError(t, { keys: { prefix: 'acme', store: slowStore(), cache: { maxAge: 5 } }, resolvers: [session] })
  t.match(said, 'OptionError: fastify-latchkey: option keys.cache would accept keys that were revoked elsewhere')
  t.match(said, 'Give it changes: createProcessChanges()')
  await keyed(t, { store: createMemoryKeyStore(), cache: { maxAge: 5 } }, { resolvers: [session] })
})

t.test('a wrong option is named', async (t) => {
  const rows: Array<[object, string]> = [
    [{ cache: { maxRecords: 0 } }, 'option keys.cache.maxRecords must be a whole number from 1 to 10000000, not 0'],
    [{ cache: true }, 'option keys.cache must be'],
    [{ recordUse: 60 }, 'option keys.recordUse must be true, false or { interval } in seconds'],
    [{ permissionsOf: [] }, 'option keys.permissionsOf must be a function of owner and workspace'],
    [{ permissionsMaxAge: 0 }, 'option keys.permissionsMaxAge must be seconds above 0 and at most 3600'],
    [{ notices: { thresholds: [0] } }, 'option keys.notices.thresholds.0 must be a whole number from 1 to 31536000, not 0'],
    [{ notices: true }, 'option keys.notices must be'],
    [{ onEvent () {} }, 'unknown option keys.onEvent']
  ]
  const patterns = collectRounds()
  for (const [keys, said] of rows) patterns.add(await bootError(t, { keys: untyped({ prefix: 'acme', ...keys }), resolvers: undefined }), said)
  t.match(patterns.seen, patterns.expected)
})

t.test('while the store is down cached keys are accepted until maxAge, and others get 503', async (t) => {
  const store = slowStore()
  const { ask, issue, clock, app } = await keyed(t, { store, cache: { maxAge: 20, changes: createProcessChanges() } }, { resolvers: [session] })
  const [warm, cold] = [await issue('devices:read'), await issue('devices:read')]
  t.equal((await ask(warm.secret)).statusCode, 200)
  const unavailable = { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 }
  const rounds = collectRounds()
  for (const pause of [async () => { throw new Error('down') }, () => new Promise(() => {})]) {
    store.pause = pause
    rounds.add((await ask(warm.secret)).statusCode, 200)
    refused(t, await ask(cold.secret), unavailable)
  }
  t.strictSame(rounds.seen, rounds.expected)
  clock.advance(20)
  refused(t, await ask(warm.secret), unavailable)
  store.pause = async () => {}
  t.equal((await ask(cold.secret)).statusCode, 200)
  await app.latchkey.keys.revoke('w1', cold.key.id)
  refused(t, await ask(cold.secret), { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' })
})

t.test('a thousand requests for one key that is not cached are one look-up in the store', async (t) => {
  const store = slowStore()
  const { ask, issue } = await keyed(t, { store, cache: { changes: createProcessChanges() } }, { resolvers: [session], limits: false, deadline: 10 })
  const { secret } = await issue('devices:read')
  const answers = await Promise.all(Array.from({ length: 1000 }, () => ask(secret)))
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1000)
  t.same(store.asked, [false])
})

t.test('two apps over one store and one bus: what one revokes, the other refuses', async (t) => {
  const store = slowStore()
  const cache = { changes: createProcessChanges() }
  const [one, other] = [await keyed(t, { store, cache }, { resolvers: [session] }), await keyed(t, { store, cache }, { resolvers: [session] })]
  const { key, secret } = await one.issue('devices:read')
  t.equal((await other.ask(secret)).statusCode, 200)
  await one.app.latchkey.keys.revoke('w1', key.id)
  t.equal((await other.ask(secret)).json().detail, 'The API key was revoked.')
})

t.test('a fault of the bus is logged, and the change stands', async (t) => {
  const changes = { publish () { throw new Error('secret-argument') }, subscribe: () => () => {} }
  const { ask, issue, app, lines } = await keyed(t, { store: slowStore(), cache: { changes } }, { resolvers: [session] })
  const { key, secret } = await issue('devices:read')
  t.equal((await ask(secret)).statusCode, 200)
  await app.latchkey.keys.revoke('w1', key.id)
  t.equal((await ask(secret)).statusCode, 401)
  t.match(lines.join(''), 'the bus of key changes did not publish a change')
  t.notMatch(lines.join(''), 'secret-argument')
})

t.test('a key shows when it and its scopes were last used; a refused request is no use', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const store = slowStore()
    const { ask, issue, clock, app } = await keyed(t, { store }, { hook, resolvers: [session] })
    const key = await issue('devices:manage')
    const stager = await issue('deployments:stage', 'devices:manage')
    const unused = await issue('devices:read')
    const start = clock.now()
    const paths = ['/devices', '/fails', '/any', '/optional', '/nowhere', '/open']
    for (const path of paths) {
      clock.advance(1)
      await ask(key.secret, path)
    }
    for (const path of ['/either', '/own']) await ask(stager.secret, path)
    rounds.add([(await ask(unused.secret, '/fails')).statusCode, (await ask(unused.secret, '/either')).statusCode], [403, 403])
    rounds.add((await ask(key.secret, '/either')).statusCode, 200)
    clock.advance(4)
    rounds.add((await ask(key.secret, '/dear')).statusCode, 429)
    rounds.add((await store.memory.get('w1', key.key.id))?.lastUsedAt, undefined, 'not on the path of a request')
    await app.close()
    const at = (seconds: number) => new Date(start + seconds * 1000)
    patterns.add(await store.memory.get('w1', key.key.id), { lastUsedAt: at(6), version: 1 })
    rounds.add((await store.memory.get('w1', key.key.id))?.scopesUsedAt, { 'devices:read': at(6), 'devices:write': at(6) })
    rounds.add((await store.memory.get('w1', stager.key.id))?.scopesUsedAt, { 'deployments:stage': at(6), 'devices:read': at(6) })
    rounds.add((await store.memory.get('w1', unused.key.id))?.lastUsedAt, undefined)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('uses are written once an interval, or never', async (t) => {
  const store = slowStore()
  const { ask, issue } = await keyed(t, { store, recordUse: { interval: 0.02 } }, { resolvers: [session] })
  const { key, secret } = await issue('devices:read')
  await ask(secret)
  await until(async () => (await store.memory.get('w1', key.id))?.lastUsedAt !== undefined)
  t.match(await store.memory.get('w1', key.id), { lastUsedAt: Date, scopesUsedAt: { 'devices:read': Date } })
  const rounds = collectRounds()
  for (const recordUse of [true, false]) {
    const store = slowStore()
    const { ask, issue, app } = await keyed(t, { store, recordUse }, { resolvers: [session] })
    const { key, secret } = await issue('devices:read')
    await ask(secret)
    await app.close()
    rounds.add((await store.memory.get('w1', key.id))?.lastUsedAt === undefined, !recordUse)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a key does no more than its owner may, and ends with its owner', async (t) => {
  const owners = new Map<string, string[]>([['u1', ['devices:read', 'deployments:manage', 'devices:rad']]])
  let down = false
  const { ask, issue, app, clock, lines } = await keyed(t, {
    async permissionsOf (owner) {
      if (down) throw new Error('secret-argument')
      return untyped(owners.get(owner))
    }
  }, { resolvers: [session] })
  const { secret } = await issue('devices:manage')
  t.match(await ask(secret), { statusCode: 200, body: '["devices:read"]' })
  t.match((await ask(secret, '/fails')).json(), { status: 403, code: 'INSUFFICIENT_SCOPE', granted: ['devices:read'] })
  t.match(lines.join(''), 'devices:rad')

  owners.set('u1', ['devices:manage'])
  t.match((await ask(secret)).body, '["devices:read"]', 'within permissionsMaxAge')
  app.latchkey.keys.forgetPermissions('u1', 'w1')
  t.equal((await ask(secret, '/fails')).statusCode, 500, 'the handler ran')

  owners.delete('u1')
  clock.advance(10)
  t.equal(refused(t, await ask(secret), { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' }).detail, 'The owner of the credential is gone.')
  down = true
  clock.advance(10)
  refused(t, await ask(secret), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  t.notMatch(lines.join(''), 'secret-argument')
})

t.test('without permissionsOf there is nothing to forget', async (t) => {
  const { app } = await keyed(t, {}, { resolvers: [session] })
  t.equal(app.latchkey.keys.forgetPermissions('u1', 'w1'), undefined)
})
