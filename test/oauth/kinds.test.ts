import t from 'tap'
import { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver } from 'fastify-latchkey/oauth'
import { collectRounds } from '../helpers/collect.js'
import { AUDIENCE, createAuthority, guarded, isRefused, json } from '../helpers/oauth.js'

const scopes = defineScopes({ resources: { devices: ['read', 'write', 'manage'] }, schemes: ['apiKey', 'oauth'] })
const OPAQUE = 'opaque-token-of-many-characters-0123456789'

t.test('a good token on a route for API keys only is 403, which says what the route takes', async (t) => {
  const authority = await createAuthority(t)
  const { issuer } = authority
  let served = 0
  const { app } = await guarded(t, authority, [
    createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp }),
    createIntrospectionResolver({ issuer, endpoint: `${issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE, transport: allowPlainHttp })
  ], { scopes, keys: { prefix: 'acme' }, limits: { environments: { production: [{ name: 'few', quota: 20, window: 60 }] } } }, (app) => {
    app.get('/keys-alone', { schema: { security: [{ apiKey: ['devices:read'] }] } }, () => { served++; return 'served' })
    app.get('/any-key', { schema: { security: [{ apiKey: [] }] } }, () => { served++; return 'served' })
    app.get('/tokens-alone', { schema: { security: [{ oauth: ['devices:read'] }] } }, () => 'served')
    app.get('/either', { schema: { security: [{ apiKey: ['devices:manage'] }, { oauth: ['devices:read'] }] } }, () => 'served')
  })
  const get = async (url: string, token?: string) => await app.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  authority.answers.set('/introspect', json({ ...authority.claimsOf({ sub: 'opaque' }), active: true, token_type: 'Bearer' }))
  const good = await authority.issue()
  // Two tokens of one user, each asking three times, and one of another.
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [token, left] of [[good, 19], [await authority.issue({ scope: 'devices:manage' }), 16], [OPAQUE, 19]] as const) {
    const response = await get('/keys-alone', token)
    rounds.add(response.statusCode, 403)
    rounds.add(response.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope"')
    rounds.add(response.headers['cache-control'], 'no-store')
    patterns.add(response.json(), {
      code: 'INSUFFICIENT_SCOPE',
      required: [['devices:read']],
      schemes: ['apiKey'],
      credentialKind: 'access-token',
      detail: 'This operation takes an API key (apiKey) with devices:read; the credential is an access token.'
    })
    rounds.add(response.headers.ratelimit, `"few";r=${left};t=60`, 'it costs quota as any other')

    const any = await get('/any-key', token)
    rounds.add(any.statusCode, 403)
    rounds.add(any.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope"')
    rounds.add(any.json().detail, 'This operation takes an API key (apiKey); the credential is an access token.')
    rounds.add((await get('/either', token)).statusCode, 200, 'by the item of its own kind')
  }
  t.equal(served, 0)

  const { secret: text } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
  t.equal((await get('/keys-alone', text)).statusCode, 200)
  const withKey = await get('/tokens-alone', text)
  t.equal(withKey.statusCode, 403)
  t.equal(withKey.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope", scope="devices:read"')
  t.match(withKey.json(), {
    code: 'INSUFFICIENT_SCOPE',
    required: [['devices:read']],
    granted: ['devices:read'],
    schemes: ['oauth'],
    credentialKind: 'api-key',
    detail: 'This operation takes an access token (oauth) with devices:read; the credential is an API key.'
  })
  const either = await get('/either', text)
  t.equal(either.statusCode, 403, 'a key is not measured by the item of tokens')
  t.match(either.json(), { required: [['devices:manage']], granted: ['devices:read'] })

  for (const url of ['/keys-alone', '/any-key', '/unknown']) {
    isRefused(t, await get(url, await authority.issue({ aud: 'other' })), 'CREDENTIAL_INVALID', `${url}: a bad token is no one's`)
    isRefused(t, await get(url, await authority.issue({ exp: authority.clock.now() / 1000 })), 'CREDENTIAL_INVALID', `${url}: an expired one too`)
    const nobody = await get(url)
    rounds.add(nobody.statusCode, 401)
    rounds.add(nobody.headers['www-authenticate'], 'Bearer realm="api"')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})
