import t from 'tap'
import { allowPlainHttp, InvalidCredential, type Resolver } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import { AUDIENCE, createAuthority, guarded, isRefused, type Authority } from '../helpers/oauth.js'

function tokensOf ({ issuer }: Authority): Resolver {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })
}

t.test('our resolvers can\'t be changed, and one that a host makes of them is asked each time', async (t) => {
  const authority = await createAuthority(t)
  const tokens = tokensOf(authority)
  t.throws(() => Object.assign(tokens, { resolve: () => undefined }), TypeError)
  let banned = false
  const own: Resolver = {
    ...tokens,
    resolve (...given) {
      if (banned) throw new InvalidCredential('banned')
      return tokens.resolve(...given)
    }
  }
  const { get } = await guarded(t, authority, [own])
  const token = await authority.issue()
  for (let i = 0; i < 2; i++) t.equal((await get(token)).statusCode, 200)
  banned = true
  isRefused(t, await get(token), 'CREDENTIAL_INVALID')
})

t.test('a resolver before one that has the credential cached is asked first, each time', async (t) => {
  const authority = await createAuthority(t)
  let banned = false
  const first: Resolver = {
    scheme: 'oauth',
    kind: 'access-token',
    description: {},
    maxLength: 8_192,
    resolve () {
      if (banned) throw new InvalidCredential('banned')
      return undefined
    }
  }
  const { get } = await guarded(t, authority, [first, tokensOf(authority)])
  const token = await authority.issue()
  for (let i = 0; i < 2; i++) t.equal((await get(token)).statusCode, 200)
  banned = true
  isRefused(t, await get(token), 'CREDENTIAL_INVALID')
})

t.test('text that is no token68 is malformed, and a resolver is not asked about text longer than it takes', async (t) => {
  const authority = await createAuthority(t)
  const { app, get } = await guarded(t, authority, [tokensOf(authority)], { keys: { prefix: 'acme' } })
  const token = await authority.issue()
  for (let i = 0; i < 2; i++) t.equal((await get(token)).statusCode, 200)
  for (const text of [`${token} `, `${token}?`, ` ${token}=?`, `${token.slice(0, -1)}ä`]) {
    const { statusCode, headers, body } = await app.inject({ url: '/devices', headers: { authorization: `Bearer x${text}` } })
    t.equal(statusCode, 400, text.slice(-3))
    t.equal(headers['www-authenticate'], 'Bearer realm="api", error="invalid_request"')
    t.match(JSON.parse(body), { code: 'CREDENTIAL_MALFORMED' })
  }
  isRefused(t, await get(`acme_live_${'a'.repeat(5_000)}`), 'CREDENTIAL_INVALID')
  t.equal((await app.inject({ url: '/devices', headers: { authorization: `bearer   ${token}` } })).statusCode, 200)
})
