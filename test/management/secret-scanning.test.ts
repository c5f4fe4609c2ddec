import { createServer } from 'node:http'
import { once } from 'node:events'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { secretScanningRoute, type SecretScanningOptions } from 'fastify-latchkey/management'
import t, { type Test } from 'tap'
import { portOf } from '../helpers/doors.js'
import { settled } from '../helpers/events.js'
import { bootError, guarded, untyped } from '../helpers/limits.js'

interface Report { readonly keyId?: string | undefined, readonly by?: KeyObject, readonly names?: readonly [string, string], readonly signature?: string | undefined }

const NAMES = ['github-public-key-identifier', 'github-public-key-signature'] as const

/** A scanner that publishes its keys on the loopback, and an API that it reports to. */
async function scanned (t: Test, options: SecretScanningOptions = {}, store = createMemoryKeyStore()) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' })
  const published = { status: 200, body: JSON.stringify({ public_keys: [{ key_identifier: 'k1', key: pem, is_current: true }] }), asked: 0 }
  const server = createServer((_request, response) => {
    published.asked++
    response.writeHead(published.status, { 'content-type': 'application/json' }).end(published.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const { app, clock } = await guarded(t, { keys: { prefix: 'acme', store }, resolvers: undefined })
  app.addHook('preHandler', async ({ headers }) => { if (headers.fail !== undefined) throw new Error('a hook of the host fails') })
  await app.register(secretScanningRoute, { prefix: '/scan', publicKeysUrl: `http://127.0.0.1:${portOf(server)}/`, ...options })
  const events: string[] = []
  app.latchkey.events.on('*', ({ type }) => { events.push(type) })
  await app.ready()

  async function send (payload: unknown, { keyId = 'k1', by = pair.privateKey, names = NAMES, ...more }: Report = {}) {
    const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
    const signature = 'signature' in more ? more.signature : sign('sha256', body, by).toString('base64')
    const headers = { 'content-type': 'application/json', [names[0]]: keyId, ...signature !== undefined && { [names[1]]: signature } }
    const answer = await app.inject({ method: 'POST', url: '/scan', headers, payload: body })
    return [answer.statusCode, answer.body === '[]' ? '[]' : answer.json().code, answer.headers['cache-control']]
  }

  const isGood = async (secret: string): Promise<boolean> => (await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode === 200
  return { app, clock, published, pem, send, isGood, events }
}

const DONE = [200, '[]', 'no-store']
const REFUSED = [400, 'BAD_REQUEST', 'no-store']

t.test('keys whose secrets a signed report names are revoked, and the answer says nothing of them', async (t) => {
  const { app, send, isGood, events, published } = await scanned(t)
  const leaked = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const other = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const match = { token: leaked.secret, type: 'acme_live', url: 'https://example.com/', source: 'commit' }
  t.same(await send([match, { ...match, token: 'no secret' }]), DONE)
  t.same([await isGood(leaked.secret), await isGood(other.secret)], [false, true])
  t.same((await app.latchkey.keys.get('w1', leaked.key.id)).revokedReason, 'Its secret was found where others can read it.')
  t.same(await send([]), DONE)
  t.same(await send(Array.from({ length: 1001 }, () => ({ token: other.secret }))), DONE, 'of any length')
  await settled()
  t.same([await isGood(other.secret), published.asked], [false, 1])
  t.same(events, ['key.issued', 'key.issued', 'key.revoked', 'key.exposed', 'key.revoked', 'key.exposed'])
})

t.test('with `revoke: false` it is only an event; both generations of header names are read', async (t) => {
  const { app, send, isGood, events } = await scanned(t, { revoke: false })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  t.same(await send([{ token: secret }], { names: [`x-${NAMES[0]}`, `x-${NAMES[1]}`] }), DONE)
  await settled()
  t.same([await isGood(secret), events], [true, ['key.issued', 'key.exposed']])
})

t.test('a report that is not signed by a published key is refused in the same words, and revokes nothing', async (t) => {
  const { app, send, isGood, published } = await scanned(t)
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const match = [{ token: secret }]
  const answers = [
    await send(match, { by: foreign }),
    await send(match, { keyId: 'k2' }),
    await send(match, { signature: 'AAAA' }),
    await send(match, { signature: '' }),
    await send(match, { signature: undefined }),
    await send('not JSON'),
    await send({ token: secret }),
    await send([{ secret }])
  ]
  const none = await app.inject({ method: 'POST', url: '/scan' })
  t.same([...answers, [none.statusCode, none.json().code, none.headers['cache-control']]], Array.from({ length: 9 }, () => REFUSED))
  t.same([await isGood(secret), published.asked], [true, 1], 'unknown names of keys do not make it ask again and again')
})

t.test('a new key of the scanner is loaded after a minute, and keys are loaded anew after a day', async (t) => {
  const { clock, published, send } = await scanned(t)
  const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const nextPem = next.publicKey.export({ type: 'spki', format: 'pem' })
  t.same(await send([]), DONE)
  published.body = JSON.stringify({ public_keys: [{ key_identifier: 'k2', key: nextPem }] })
  t.same(await send([], { keyId: 'k2', by: next.privateKey }), REFUSED)
  clock.advance(60)
  t.same(await Promise.all([send([], { keyId: 'k2', by: next.privateKey }), send([], { keyId: 'k2', by: next.privateKey })]), [DONE, DONE])
  t.equal(published.asked, 2, 'reports at the same time share it')
  t.same(await send([]), REFUSED, 'a key that is gone is not used')
  clock.advance(86_400)
  t.same([await send([], { keyId: 'k2', by: next.privateKey }), published.asked], [DONE, 3])
})

t.test('while the public keys can\'t be loaded, or the store fails, it is an outage', async (t) => {
  let down = true
  const memory = createMemoryKeyStore()
  const { app, clock, published, send } = await scanned(t, {}, { ...memory, findByHash (hash) { if (down) throw new Error('secret-word'); return memory.findByHash(hash) } })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  const good = { status: published.status, body: published.body }
  const answers: unknown[] = []
  for (const wrong of [{ status: 500 }, { body: 'no JSON' }, { body: '{"public_keys":[{"key":1}]}' }, { body: '{"public_keys":[{"key_identifier":"k1","key":"no PEM"}]}' }]) {
    Object.assign(published, good, wrong)
    answers.push(await send([{ token: secret }]), await send([{ token: secret }]))
    clock.advance(60)
  }
  t.equal(published.asked, 4, 'once in a minute, whatever is sent')
  Object.assign(published, good)
  answers.push(await send([{ token: secret }]))
  t.same(answers, Array.from({ length: 9 }, () => [503, 'KEYS_UNAVAILABLE', 'no-store']))
  down = false
  t.same(await send([{ token: secret }]), DONE)
})

t.test('a body that is too long is refused, without a signature before it is read; wrong options and a server without keys are named at boot', async (t) => {
  const { app, send } = await scanned(t)
  const long = ' '.repeat(4 * 1024 * 1024 + 1)
  t.same(await send(long), [413, 'PAYLOAD_TOO_LARGE', 'no-store'])
  t.same(await send(long, { signature: undefined }), REFUSED)
  const signed = { [NAMES[0]]: 'k1', [NAMES[1]]: 'AAAA' }
  t.equal((await app.inject({ method: 'POST', url: '/scan', headers: signed })).statusCode, 400)
  t.equal((await app.inject({ method: 'POST', url: '/scan', headers: { ...signed, fail: 'yes' } })).statusCode, 500, 'other errors are the host\'s')
  const errors = [
    await bootError(t, { keys: false }, (app) => { app.register(secretScanningRoute, {}) }),
    await bootError(t, { keys: { prefix: 'acme' } }, (app) => { app.register(secretScanningRoute, untyped({ revok: true })) })
  ]
  t.match(errors, [/register secretScanningRoute after latchkey/, /unknown option secretScanningRoute.revok/])
})
