import { basic, bearer, header } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { ALGS, startBound } from '../helpers/dpop.js'

const KEY = 'ApiKey realm="api", in="header", name="x-api-key"'
const credentials = [bearer(), basic(), header('x-api-key')]

t.test('no access token is taken from a field of keys or as a user name, whether it is bound or not (RFC 6750 §2, RFC 9449 §7.1)', async (t) => {
  const { app, authority, token, prove } = await startBound(t, true, { keys: { prefix: 'acme' }, credentials })
  const plain = await authority.issue({})
  const get = async (headers: Record<string, string>) => {
    const { statusCode, headers: { 'www-authenticate': challenge } } = await app.inject({ url: '/devices', headers: { host: 'api.example.com', ...headers } })
    return [statusCode, challenge]
  }
  const basicOf = (text: string) => `Basic ${Buffer.from(`${text}:`).toString('base64')}`
  const authorization = (error: string, dpop: string) => `Bearer realm="api"${error}, DPoP realm="api"${dpop}, algs="${ALGS}", Basic realm="api", charset="UTF-8", ${KEY}`
  t.strictSame((await get({ authorization: `Bearer ${plain}` }))[0], 200)
  t.strictSame((await get({ authorization: `DPoP ${token}`, dpop: await prove() }))[0], 200, 'both are good where they belong')
  const rounds = collectRounds()
  for (const credential of [plain, token]) {
    const dpop = await prove()
    rounds.add(await get({ 'x-api-key': credential, dpop }), [401, `${authorization('', '')}, error="invalid_token"`])
    rounds.add(await get({ authorization: basicOf(credential), dpop }), [401, authorization('', '')])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(await get({ authorization: `DPoP ${token}` }), [401, authorization('', ', error="invalid_dpop_proof"')])
  t.strictSame(await get({ authorization: `DPoP ${token}`, dpop: await prove(), 'x-api-key': 'x' }), [400, authorization(', error="invalid_request"', '')])
})

t.test('a key is no DPoP credential, wherever it comes from', async (t) => {
  const { app } = await startBound(t, true, { keys: { prefix: 'acme' }, credentials })
  const { secret } = await app.latchkey.keys.issue({ workspace: 'w', scopes: ['devices:read'] })
  const statuses = []
  for (const headers of [{ 'x-api-key': secret }, { authorization: `Bearer ${secret}` }, { authorization: `DPoP ${secret}` }, { 'x-api-key': `DPoP ${secret}` }]) {
    statuses.push((await app.inject({ url: '/devices', headers })).statusCode)
  }
  t.strictSame(statuses, [403, 403, 401, 400], 'the route takes tokens alone')
})

t.test('a server that takes no bearer() refuses a resolver of tokens at boot', async (t) => {
  const resolver = createJwtResolver({ issuers: [{ issuer: 'https://a.example', audience: 'x' }] })
  await t.rejects(startBound(t, true, { resolvers: [resolver], keys: { prefix: 'acme' }, credentials: [header('x-api-key')] }), { message: /the resolver of oauth takes credentials from bearer alone/ })
})
