import t from 'tap'
import { parseChallenge } from '../helpers/challenge.js'
import { collectRounds } from '../helpers/collect.js'
import { exchange, listen, request } from '../helpers/doors.js'
import { platform } from '../helpers/platform.js'

const { app, bearer, texts } = await platform(t, { realm: 'Acme API' })
const get = (headers: Record<string, string | string[]>, url = '/devices') => app.inject({ url, headers })

t.test('§11.1 the scheme is case-insensitive', async (t) => {
  const rounds = collectRounds()
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) rounds.add((await get({ authorization: `${scheme} ${texts.reader}` })).statusCode, 200, scheme)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.2 token68 is ALPHA, DIGIT, - . _ ~ + / and trailing =, and nothing else', async (t) => {
  const rounds = collectRounds()
  for (const token of ['a', 'A9-._~+/', 'a=', 'a==', '-', '/']) rounds.add((await get({ authorization: `Bearer ${token}` })).statusCode, 401, token)
  for (const token of ['=', '=a', 'a=a', 'a b', 'a,b', 'a"', 'a:b', 'a;b', 'a%', 'a@b', '{a}', 'a\\', 'é']) rounds.add((await get({ authorization: `Bearer ${token}` })).statusCode, 400, token)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.3 a 401 carries at least one challenge, on whatever method and path', async (t) => {
  const rounds = collectRounds()
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
    for (const url of ['/devices', '/nowhere']) {
      for (const headers of [{}, { authorization: 'Bearer unknown' }, bearer('expired')]) {
        const answer = await app.inject({ method, url, headers })
        rounds.add(answer.statusCode, 401, `${method} ${url}`)
        rounds.add(parseChallenge(answer.headers['www-authenticate']).scheme, 'Bearer')
      }
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.3 and §15.5.4 credentials that are valid but do not suffice are 403, not 401', async (t) => {
  const rounds = collectRounds()
  for (const [headers, url] of [[bearer('other'), '/devices'], [bearer('sandbox'), '/devices'], [bearer('reader'), '/heavy']] as const) rounds.add((await get(headers, url)).statusCode, 403)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.4 credentials are scheme 1*SP token68: several spaces are, a tab and none are not', async (t) => {
  t.equal((await get({ authorization: `Bearer    ${texts.reader}` })).statusCode, 200)
  const rounds = collectRounds()
  for (const separator of ['\t', ' \t', '\t ', '', '=', ':', '\u00a0']) rounds.add((await get({ authorization: `Bearer${separator}${texts.reader}` })).statusCode, 400, JSON.stringify(separator))
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.5 every challenge names the protection space, once and quoted', async (t) => {
  const rounds = collectRounds()
  for (const headers of [{}, { authorization: 'Bearer' }, { authorization: 'Bearer unknown' }, bearer('other')]) {
    rounds.add(parseChallenge((await get(headers)).headers['www-authenticate']).params.get('realm'), 'Acme API')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§11.6.1 WWW-Authenticate is one field with one challenge', async (t) => {
  const port = await listen(app)
  const { text } = await exchange(port, request('GET /devices HTTP/1.1', 'Host: x', 'Connection: close'))
  t.equal(text.match(/^www-authenticate:/gmi)?.length, 1)
})

t.test('§11.6.2 credentials for one request come in one field line', async (t) => {
  t.equal((await get({ authorization: [`Bearer ${texts.reader}`, `Bearer ${texts.reader}`] })).statusCode, 400)
  t.equal((await get({ authorization: ['Basic dTpw', `Bearer ${texts.reader}`] })).statusCode, 400)
})

t.test('§11.7.2 Proxy-Authorization is for a proxy, and not read', async (t) => {
  t.equal((await get({ 'proxy-authorization': `Bearer ${texts.reader}` })).statusCode, 401)
})

t.test('§5.1 field names are case-insensitive, and §5.5 white space around a value is not part of it', async (t) => {
  const { app, texts } = await platform(t)
  const port = await listen(app)
  const rounds = collectRounds()
  for (const line of [`aUTHORIZATION:Bearer ${texts.reader}`, `Authorization: \t Bearer ${texts.reader} \t`]) {
    rounds.add((await exchange(port, request('GET /devices HTTP/1.1', 'Host: x', 'Connection: close', line))).status, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§9.3.2 HEAD is answered like GET, without content', async (t) => {
  const rounds = collectRounds()
  for (const headers of [{}, { authorization: 'Bearer unknown' }, bearer('other'), bearer('reader')]) {
    const [asGet, asHead] = [await get(headers), await app.inject({ method: 'HEAD', url: '/devices', headers })]
    rounds.add([asHead.statusCode, asHead.headers['www-authenticate'], asHead.headers['content-type'], asHead.body], [asGet.statusCode, asGet.headers['www-authenticate'], asGet.headers['content-type'], ''])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§10.2.3 Retry-After is a whole number of seconds', async (t) => {
  const { app, bearer } = await platform(t, { limits: { environments: { production: [{ name: 'one', quota: 1, window: 60 }] } }, failures: { quota: 1, window: 60 } })
  const send = (headers: Record<string, string>) => app.inject({ url: '/devices', headers })
  await send(bearer('reader'))
  const limited = await send(bearer('reader'))
  t.strictSame([limited.statusCode, limited.headers['retry-after']], [429, '60'])
  await send({ authorization: 'Bearer unknown' })
  const locked = await send(bearer('reader'))
  t.equal(locked.statusCode, 429)
  t.match(locked.headers['retry-after'], /^[1-9]\d*$/)
})
