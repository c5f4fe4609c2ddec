import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { IssueInput } from 'fastify-latchkey'
import { createMemoryKeyStore, formatSecret, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, refused, scopes, untyped } from '../helpers/limits.js'

const invalid = { status: 401, code: 'CREDENTIAL_INVALID', challenge: 'Bearer realm="api", error="invalid_token"' } as const
const unavailable = { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 } as const

function route (app: FastifyInstance): void {
  app.get('/', { schema: scopes.secure('devices:read') }, async ({ principal }) => principal)
}

async function keyed (t: Parameters<typeof guarded>[0], store?: KeyStore) {
  const { app, clock } = await guarded(t, { keys: { prefix: 'acme', store }, resolvers: undefined, deadline: 0.02 }, route)
  await app.ready()
  return {
    app,
    clock,
    issue: (more: Partial<IssueInput> = {}) => app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], ...more }),
    ask: (text: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${text}` } }),
  }
}

/** A store of promises over one of values, with some of its methods replaced; counts look-ups by hash. */
function asyncStore (replaced: Partial<KeyStore> = {}): KeyStore & { asked: number, memory: KeyStore } {
  const memory = createMemoryKeyStore()
  const store = {
    asked: 0,
    memory,
    insert: async (...args: Parameters<KeyStore['insert']>) => memory.insert(...args),
    async findByHash (hash: string) {
      store.asked++
      return await memory.findByHash(hash)
    },
    get: async (...args: Parameters<KeyStore['get']>) => await memory.get(...args),
    update: async (...args: Parameters<KeyStore['update']>) => await memory.update(...args),
    list: async (...args: Parameters<KeyStore['list']>) => await memory.list(...args),
    recordUse: async (...args: Parameters<KeyStore['recordUse']>) => await memory.recordUse(...args),
    ...replaced,
  }
  return store
}

/** All of an answer that a caller can tell another by. */
function seen ({ statusCode, headers, body }: LightMyRequestResponse): unknown {
  const { date, ...others } = headers
  return { statusCode, headers: others, body }
}

for (const [kind, make] of [['a store of values', createMemoryKeyStore], ['a store of promises', asyncStore]] as const) {
  t.test(`${kind}: a key speaks for its principal`, async (t) => {
    const { issue, ask, clock } = await keyed(t, make())
    const expiresAt = new Date(clock.now() + 60_000)
    const { key, secret } = await issue({ owner: 'u1', tier: 'enterprise', environment: 'sandbox', expiresAt })
    const response = await ask(secret)
    t.equal(response.statusCode, 200)
    t.same(response.json(), { kind: 'api-key', id: key.id, workspace: 'w1', environment: 'sandbox', scopes: ['devices:read'], scheme: 'apiKey', owner: 'u1', tier: 'enterprise', expiresAt: expiresAt.toISOString(), version: 1 })
  })

  t.test(`${kind}: a key is good until the millisecond before it expires, and only its holder reads why`, async (t) => {
    const { issue, ask, clock } = await keyed(t, make())
    const { secret } = await issue({ expiresAt: new Date(clock.now() + 5_000) })
    clock.advance(4.999)
    t.equal((await ask(secret)).statusCode, 200)
    clock.advance(0.001)
    t.equal(refused(t, await ask(secret), invalid).detail, 'The API key has expired.')
    clock.advance(1_000_000)
    refused(t, await ask(secret), invalid)
  })

  t.test(`${kind}: a revoked key is refused from the next request on, and only its holder reads why`, async (t) => {
    const { app, issue, ask } = await keyed(t, make())
    const { key, secret } = await issue()
    t.equal((await ask(secret)).statusCode, 200)
    await app.latchkey.keys.revoke('w1', key.id)
    t.equal(refused(t, await ask(secret), invalid).detail, 'The API key was revoked.')
  })

  t.test(`${kind}: unknown keys and wrong checksums are answered in the same bytes, expired and revoked ones but for the detail`, async (t) => {
    const { app, issue, ask, clock } = await keyed(t, make())
    const { secret } = await issue()
    const unknown = await ask(formatSecret('acme', 'live', new Uint8Array(32).fill(7)))
    t.equal(refused(t, unknown, invalid).detail, 'The credential is not valid.')
    const lookalikes = [`${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`, 'acme_live_x', 'acme_', `acme_prod_${secret.slice(10)}`, formatSecret('other', 'live', new Uint8Array(32)), 'nonsense']
    const rounds = collectRounds()
    for (const one of lookalikes) rounds.add(seen(await ask(one)), seen(unknown), one)

    const expiring = await issue({ expiresAt: new Date(clock.now() + 1) })
    const revoked = await issue()
    await app.latchkey.keys.revoke('w1', revoked.key.id)
    clock.advance(1)
    const { body, headers: { 'content-length': _length, ...headers }, statusCode } = untyped<{ body: string, headers: Record<string, string>, statusCode: number }>(seen(unknown))
    for (const one of [expiring.secret, revoked.secret]) {
      const response = await ask(one)
      const { 'content-length': _other, date: _date, ...shown } = response.headers
      rounds.add({ headers: shown, statusCode: response.statusCode }, { headers, statusCode })
      rounds.add({ ...response.json<object>(), detail: 0 }, { ...JSON.parse(body), detail: 0 })
    }
    t.strictSame(rounds.seen, rounds.expected)
  })
}

t.test('only what could be a secret reaches the store, once a request', async (t) => {
  const store = asyncStore()
  const { issue, ask } = await keyed(t, store)
  const { secret } = await issue()
  for (const one of [secret.slice(0, -1), `${secret}0`, secret.toLowerCase(), `acme_live_${'0'.repeat(49)}`, formatSecret('acme', 'prod', new Uint8Array(32)), 'acme_live_', 'x']) {
    refused(t, await ask(one), invalid)
  }
  t.equal(store.asked, 0)
  await ask(secret)
  t.equal(store.asked, 1)
})

t.test('a key that expires is not let in without a working clock', async (t) => {
  const { app, issue, clock } = await keyed(t)
  const { secret } = await issue({ expiresAt: new Date(clock.now() + 1_000) })
  clock.advance(NaN)
  refused(t, await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } }), invalid)
})

t.test('a store that fails is 503, never 401 and never in', async (t) => {
  const faults: Array<[string, KeyStore['findByHash']]> = [
    ['throws', () => { throw new Error('SELECT secret-argument') }],
    ['throws what is no error', () => { throw untyped<Error>('secret-argument') }],
    ['rejects', () => Promise.reject(new Error('SELECT secret-argument'))],
    ['never settles', () => new Promise<never>(() => {})],
    ['answers null', () => untyped(null)],
    ['answers null later', async () => untyped(null)],
    ['answers true', () => untyped(true)],
    ['answers an empty record', () => untyped({})],
    ['answers what has no principal', () => untyped({ goodUntil: Infinity, refusal: 'r' })],
    ['answers a principal that says nothing else', () => untyped({ principal: { kind: 'api-key', id: 'k', workspace: 'w1', environment: 'production', scopes: ['devices:read'] } })],
    ['answers a principal of another kind', () => untyped({ goodUntil: Infinity, refusal: 'r', principal: { kind: 'access-token', id: 'k', workspace: 'w1', environment: 'production', scopes: ['devices:read'] } })],
  ]
  const text = formatSecret('acme', 'live', new Uint8Array(32))
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [fault, findByHash] of faults) {
    const { ask } = await keyed(t, asyncStore({ findByHash }))
    const response = await ask(text)
    patterns.add(refused(t, response, unavailable), { code: 'AUTHENTICATION_UNAVAILABLE' }, fault)
    rounds.add(String(response.body).includes('secret-argument'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a key of an environment that this host does not serve is refused', async (t) => {
  const { app } = await guarded(t, { keys: { prefix: 'acme' }, environment: 'production' }, route)
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], environment: 'sandbox' })
  refused(t, await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } }), { status: 403, code: 'WRONG_ENVIRONMENT' })
})

t.test('a key without scopes opens what needs none', async (t) => {
  const { app } = await guarded(t, { keys: { prefix: 'acme' } }, (app) => {
    route(app)
    app.get('/me', { schema: scopes.secure() }, async () => 'me')
  })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const status = async (url: string) => (await app.inject({ url, headers: { authorization: `Bearer ${secret}` } })).statusCode
  t.same([await status('/'), await status('/me')], [403, 200])
})

t.test('an unknown scope of a record grants nothing, and changes nothing for other keys', async (t) => {
  const store = createMemoryKeyStore()
  const { issue, ask } = await keyed(t, store)
  const joined = await issue()
  const stored = untyped<Parameters<KeyStore['update']>[0]>(await store.get('w1', joined.key.id))
  await store.update({ ...stored, scopes: ['devices:write devices:read'], version: 2 })
  t.equal((await ask(joined.secret)).statusCode, 403)
  const both = await issue({ scopes: ['devices:write', 'devices:read'] })
  t.equal((await ask(both.secret)).statusCode, 200)
})

t.test('lists of scopes are shared between keys, and memory for that is bounded', async (t) => {
  const store = createMemoryKeyStore()
  const { issue, ask } = await keyed(t, store)
  const first = await issue()
  const stored = untyped<Parameters<KeyStore['update']>[0]>(await store.get('w1', first.key.id))
  for (let i = 0; i < 10_001; i++) await store.update({ ...stored, scopes: [`scope${i}`], version: stored.version + i + 1 })
  await store.update({ ...stored, version: stored.version + 10_002 })
  t.equal((await ask(first.secret)).statusCode, 200)
  t.equal((await ask((await issue()).secret)).statusCode, 200)
})
