import Fastify from 'fastify'
import { allowPlainHttp, latchkey, type LatchkeyOptions } from 'fastify-latchkey'
import { createMemoryKeyStore, createProcessChanges, type KeysOptions, type KeyStore } from 'fastify-latchkey/keys'
import { createMemoryLimitStore } from 'fastify-latchkey/limits'
import { fakeClock } from 'fastify-latchkey/testing'
import t, { type Test } from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { scopes } from '../helpers/keyring.js'
import { refused } from '../helpers/limits.js'
import { slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const challenge = 'Bearer realm="api", error="invalid_token"'
const ended = { status: 401, code: 'CREDENTIAL_INVALID', challenge }
const exceeded = { status: 429, code: 'TOO_MANY_FAILURES', retryAfter: 60 }

/** A server with three failed attempts a minute, asked from one address; `foreign` secrets have its form and no key. */
async function server (t: Test, keys: Partial<KeysOptions>, options: Partial<LatchkeyOptions> = {}) {
  const clock = fakeClock()
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme', ...keys },
    limits: false,
    failures: { quota: 3, window: 60 },
    transport: allowPlainHttp,
    clock: clock.now,
    ...options
  })
  app.get('/', { schema: scopes.secure() }, ({ principal }) => principal)
  app.get('/open', { schema: scopes.public(), preHandler: app.latchkey.authenticate }, ({ principal }) => principal)
  const issue = async (more = {}) => await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'], ...more })
  const revoked = async () => {
    const { key, secret } = await issue()
    await app.latchkey.keys.revoke('w1', key.id)
    return secret
  }
  const ask = (secret: string, url = '/', remoteAddress = '192.0.2.1') => app.inject({ url, remoteAddress, headers: { authorization: `Bearer ${secret}` } })
  const other = Fastify()
  t.teardown(() => other.close())
  await other.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' } })
  const foreign = async () => (await other.latchkey.keys.issue({ workspace: 'w1', scopes: [] })).secret
  return { app, clock, issue, revoked, ask, foreign }
}

const cache = { changes: createProcessChanges() }
const stores: Array<[string, () => KeyStore & { asked?: boolean[] }, Partial<KeysOptions>]> = [
  ['in memory', createMemoryKeyStore, {}], ['cached', slowStore, { cache }], ['not cached', slowStore, {}]
]

for (const [how, makeStore, more] of stores) {
  t.test(`polls with a key that has ended lock out that key at that address, and no other: ${how}`, async (t) => {
    const store = makeStore()
    const { ask, issue, revoked, clock } = await server(t, { store, ...more })
    const dead = await revoked()
    const rounds = collectRounds()
    const patterns = collectRounds()
    for (let n = 0; n < 3; n++) rounds.add(refused(t, await ask(dead), ended).detail, 'The API key was revoked.')
    const before = store.asked?.length
    for (let n = 0; n < 300; n++) {
      const answer = await ask(dead)
      if (n === 0) refused(t, answer, exceeded)
      if (n === 0) patterns.add(answer.headers, { ratelimit: '"failed-authentication";r=0;t=60', 'ratelimit-policy': '"failed-authentication";q=3;w=60' })
      if (answer.statusCode !== 429) t.fail(`${n}: ${answer.statusCode}`)
    }
    t.strictSame(rounds.seen, rounds.expected)
    t.match(patterns.seen, patterns.expected)
    t.equal(store.asked?.length, before, 'the store is not asked about it any more')
    t.equal((await ask((await issue()).secret)).statusCode, 200, 'another key of the address')
    refused(t, await ask(await revoked()), ended)
    refused(t, await ask(dead, '/', '192.0.2.2'), ended)
    clock.advance(60)
    refused(t, await ask(dead), ended)
  })
}

t.test('an address that has guessed too often looks nothing up; what is cached is answered', async (t) => {
  const store = slowStore()
  const { ask, issue, revoked, foreign } = await server(t, { store, cache })
  const { secret: good, key } = await issue({ scopes: ['devices:read', 'reports:read'] })
  const [fresh, dead] = [(await issue()).secret, await revoked()]
  t.equal((await ask(good)).statusCode, 200)
  refused(t, await ask(dead), ended)
  for (let n = 0; n < 3; n++) refused(t, await ask(await foreign()), ended)
  const before = store.asked.length
  for (const unknown of [fresh, await foreign()]) refused(t, await ask(unknown), exceeded)
  const patterns = collectRounds()
  for (let n = 0; n < 5; n++) patterns.add((await ask(good)).json(), { id: key.id })
  t.match(patterns.seen, patterns.expected)
  for (let n = 0; n < 2; n++) refused(t, await ask(dead), ended)
  refused(t, await ask(dead), exceeded)
  t.equal(store.asked.length, before, 'nothing was looked up')
  t.equal((await ask(good, '/open')).statusCode, 200, 'what is known may be looked up anew')
  t.equal(store.asked.length, before + 1)
})

t.test('look-ups of what is cached are not reserved as guesses', async (t) => {
  const { ask, issue } = await server(t, { store: slowStore(), cache })
  const secrets = await Promise.all(Array.from({ length: 9 }, async () => (await issue()).secret))
  const rounds = collectRounds()
  for (const secret of secrets) rounds.add((await ask(secret)).statusCode, 200)
  t.strictSame(rounds.seen, rounds.expected)
  t.same((await Promise.all(secrets.map((secret) => ask(secret, '/open')))).map(({ statusCode }) => statusCode), Array(9).fill(200))
})

t.test('a cached key that was changed elsewhere is loaded anew, also for an address that has guessed too often', async (t) => {
  const memory = createMemoryLimitStore()
  const version = { marker: 1 }
  const store = { ...memory, take: (take: Parameters<typeof memory.take>[0]) => ({ ...memory.take(take), versionMarker: version.marker }), async publishVersion () {} }
  const keyStore = slowStore()
  const { app, ask, issue, foreign } = await server(t, { store: keyStore, cache: { maxAge: 30 } }, { limits: { store } })
  const { key, secret } = await issue()
  t.equal((await ask(secret)).json().scopes.length, 1)
  for (let n = 0; n < 3; n++) await ask(await foreign())
  await keyStore.memory.update({ ...await app.latchkey.keys.get('w1', key.id), scopes: [], version: 2 })
  version.marker = 2
  t.match((await ask(secret)).json(), { scopes: [], version: 2 })
})

t.test('a key whose owner is gone has ended too', async (t) => {
  const { ask, issue } = await server(t, { permissionsOf: (owner) => owner === 'ada' ? ['devices:read'] : undefined })
  const { secret } = await issue({ owner: 'bob' })
  const rounds = collectRounds()
  for (let n = 0; n < 3; n++) rounds.add(refused(t, await ask(secret), ended).detail, 'The owner of the credential is gone.')
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await ask(secret), exceeded)
  t.equal((await ask((await issue({ owner: 'ada' })).secret)).statusCode, 200)
})

t.test('what a query exposes is looked up no more often than what a header presents', async (t) => {
  const store = slowStore()
  const { app, ask, revoked, issue, foreign } = await server(t, { store })
  const reported: string[] = []
  app.latchkey.events.on('key.exposed', ({ data: { key } }) => { reported.push(key.id) })
  const expose = (...secrets: string[]) => app.inject({ url: `/?${secrets.map((secret) => `key=${secret}`).join('&')}`, remoteAddress: '192.0.2.1' })
  const dead = await revoked()
  for (let n = 1; n <= 3; n++) {
    refused(t, await expose(dead), { status: 401, code: 'CREDENTIAL_MISSING', challenge: 'Bearer realm="api"' })
    await until(() => store.asked.length === n)
    await new Promise(setImmediate)
  }
  const { key, secret } = await issue()
  await expose(dead, secret)
  await until(() => reported.length === 1, 'the next one of the query is looked up')
  t.same(reported, [key.id])
  t.equal(store.asked.length, 4)
  refused(t, await ask(dead), exceeded)

  const guesses = await Promise.all(Array.from({ length: 30 }, foreign))
  await Promise.all(guesses.map((guess) => expose(guess)))
  await until(async () => (await ask(secret)).statusCode === 429, 'the address has guessed too often')
  t.ok(store.asked.length <= 4 + 3 + 1, `${store.asked.length} look-ups`)
})
