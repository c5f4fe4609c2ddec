import t from 'tap'
import { parseChallenge } from '../helpers/challenge.js'
import { collectRounds } from '../helpers/collect.js'
import { platform } from '../helpers/platform.js'

const { app, bearer, texts } = await platform(t)
const get = (headers: Record<string, string | string[]>, url = '/devices') => app.inject({ url, headers })
const challengeOf = async (headers: Record<string, string | string[]>, url?: string) => parseChallenge((await get(headers, url)).headers['www-authenticate'])

t.test('§2 a client uses one way of sending the token in a request', async (t) => {
  const answer = await get(bearer('reader'), `/devices?access_token=${texts.reader}`)
  t.equal(answer.statusCode, 400)
  t.equal(parseChallenge(answer.headers['www-authenticate']).params.get('error'), 'invalid_request')
})

t.test('§2.1 the Authorization field with Bearer is the way', async (t) => {
  t.equal((await get(bearer('reader'))).statusCode, 200)
})

t.test('§2.2 a token in a form body is not read', async (t) => {
  const answer = await app.inject({ method: 'POST', url: '/devices', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: `access_token=${texts.manager}` })
  t.equal(answer.statusCode, 401)
  t.notOk(parseChallenge(answer.headers['www-authenticate']).params.has('error'))
})

t.test('§2.3 and §5.3 a token in the query is not read', async (t) => {
  const rounds = collectRounds()
  for (const name of ['access_token', 'api_key', 'token', 'key']) {
    const answer = await get({}, `/devices?${name}=${texts.reader}`)
    rounds.add(answer.statusCode, 401)
    rounds.add(String(answer.body + JSON.stringify(answer.headers)).includes(texts.reader), false)
    rounds.add(answer.headers['cache-control'], 'no-store')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3 a request without authentication information gets a challenge without error code', async (t) => {
  const rounds = collectRounds()
  for (const headers of [{}, { authorization: '' }, { authorization: 'Basic dTpw' }, { authorization: 'Digest username="u"' }]) {
    rounds.add(await challengeOf(headers), { scheme: 'Bearer', params: new Map([['realm', 'api']]) })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3 no attribute appears more than once, and all are in the characters that it allows', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const headers of [{}, { authorization: 'Bearer' }, { authorization: 'Bearer unknown' }, bearer('expired'), bearer('other')]) {
    const { params } = await challengeOf(headers)
    for (const name of params.keys()) rounds.add(['realm', 'error', 'scope'].includes(name), true, name)
    patterns.add(params.get('error') ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
    patterns.add(params.get('scope') ?? '', /^[\x21\x23-\x5b\x5d-\x7e]*(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('§3.1 invalid_request is 400: malformed, repeated, or sent in two ways', async (t) => {
  const rounds = collectRounds()
  for (const authorization of ['Bearer', 'Bearer a b', 'Bearer a,b', `Bearer realm="${texts.reader}"`, ['Bearer a', 'Bearer a']]) {
    rounds.add((await get({ authorization })).statusCode, 400)
    rounds.add((await challengeOf({ authorization })).params, new Map([['realm', 'api'], ['error', 'invalid_request']]))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1 invalid_token is 401: unknown, expired, or malformed as a key, all with the same answer', async (t) => {
  const wrong = `${texts.reader.slice(0, -1)}${texts.reader.endsWith('0') ? '1' : '0'}`
  const rounds = collectRounds()
  for (const headers of [bearer('expired'), { authorization: 'Bearer unknown' }, { authorization: `Bearer ${wrong}` }, { authorization: `Bearer ${'a'.repeat(257)}` }]) {
    const answer = await get(headers)
    rounds.add([answer.statusCode, answer.json().code], [401, 'CREDENTIAL_INVALID'])
    rounds.add(parseChallenge(answer.headers['www-authenticate']).params, new Map([['realm', 'api'], ['error', 'invalid_token']]))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1 insufficient_scope is 403 and names the scope that is necessary', async (t) => {
  const rounds = collectRounds()
  for (const [name, method, url, scope] of [['other', 'GET', '/devices', 'devices:read'], ['reader', 'DELETE', '/devices/1', 'devices:manage'], ['other', 'GET', '/devices/1', 'devices:read']] as const) {
    const answer = await app.inject({ method, url, headers: bearer(name) })
    rounds.add(answer.statusCode, 403)
    rounds.add(parseChallenge(answer.headers['www-authenticate']).params, new Map([['realm', 'api'], ['error', 'insufficient_scope'], ['scope', scope]]))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§5.2 and §5.3 tokens travel over TLS only: plain HTTP is refused, not redirected', async (t) => {
  const { app, bearer } = await platform(t, { transport: undefined })
  const answer = await app.inject({ url: '/devices', headers: bearer('reader') })
  t.strictSame([answer.statusCode, answer.headers.location, answer.json().code], [403, undefined, 'INSECURE_TRANSPORT'])
})

t.test('§5.2 no refusal may be stored by caches', async (t) => {
  const rounds = collectRounds()
  for (const headers of [{}, { authorization: 'Bearer' }, { authorization: 'Bearer unknown' }, bearer('other'), bearer('sandbox')]) rounds.add((await get(headers)).headers['cache-control'], 'no-store')
  t.strictSame(rounds.seen, rounds.expected)
})
