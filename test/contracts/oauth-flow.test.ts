import t, { type Test } from 'tap'
import * as oauth from 'openid-client'
import { build } from '../../examples/tiers-oauth.js'
import { as, challenges, keptLog, keyOf, repeat } from '../helpers/contracts.js'
import { leaks } from '../helpers/oauth.js'
import { signIn, type Person } from '../helpers/sign-in.js'

const https = { 'x-forwarded-proto': 'https' }
const ada: Person = { user: 'ada', password: 'demo-ada' }
const grace: Person = { user: 'grace', password: 'demo-grace' }
const redirect = 'http://127.0.0.1:4711/callback'

/** The example with its own authorization server, on the real clock. */
async function start (t: Test) {
  const log = keptLog()
  const { app, keys, oauth: told = {} } = await build({ logger: log.logger })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, log, keys, issuer: told.issuer ?? '', front: told.front ?? '', authorize: told.authorize ?? '' }
}

async function clientOf (issuer: string, id: string, secret?: string): Promise<oauth.Configuration> {
  const authentication = secret === undefined ? oauth.None() : oauth.ClientSecretBasic(secret)
  return await oauth.discovery(new URL(issuer), id, secret, authentication, { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] })
}

/** Steps 1 to 4 of the document. */
async function authorize (config: oauth.Configuration, person: Person, scope: string, handle?: oauth.DPoPHandle) {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope, state, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
  })
  const { callback, pages } = await signIn(url, person)
  const tokens = await oauth.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state }, {}, handle && { DPoP: handle })
  return { url, pages, callback, tokens }
}

t.test('"1. Redirect user to authorization endpoint", "2. User grants permission", "3. Receive authorization code", "4. Exchange code for access token", "5. Use access token for API calls"', async (t) => {
  const { app, issuer, log } = await start(t)
  const config = await clientOf(issuer, 'console')

  const { url, pages, callback, tokens } = await authorize(config, ada, 'resources:read')
  t.equal(`${url.origin}${url.pathname}`, `${issuer}/oauth2/authorize`, '"Endpoint: …/oauth2/authorize"')
  t.equal(url.searchParams.get('code_challenge_method'), 'S256')
  t.match(pages[0], 'Sign in', 'the user says who she is')
  t.match(pages[1], /Allow console\?.*Ada, it asks for.*resources:read/s, 'and grants what is asked for')
  t.notMatch(pages[1], 'resources:write')
  t.equal(`${callback.origin}${callback.pathname}`, redirect)
  t.ok(callback.searchParams.get('code'))
  t.match(tokens, { token_type: 'bearer', scope: 'resources:read', expires_in: 600, refresh_token: String })

  const speak = as(app, tokens.access_token, https)
  t.strictSame((await speak('GET /v1/resources')).json(), [{ id: 'resource_1', name: 'Report' }], 'the resources of her company')
  t.match((await speak('GET /v1/key')).json(), { kind: 'access-token', workspace: 'acme', owner: 'ada', client: 'console', tier: 'pro', scopes: ['resources:read'] })
  t.equal((await speak('GET /v1/key')).headers['ratelimit-policy'], '"pro";q=10000;w=3600', 'the tier of her company')
  const refused = await speak('POST /v1/resources', { name: 'Invoice' })
  t.equal(refused.statusCode, 403)
  t.match(refused.headers['www-authenticate'], challenges.scope('resources:write'))
  t.match(refused.json(), { code: 'INSUFFICIENT_SCOPE', required: [['resources:write']], granted: ['resources:read'] })
  t.equal((await as(app, tokens.access_token)('GET /v1/resources')).statusCode, 403, 'over HTTPS alone')
  leaks(t, tokens.access_token, [log.text(), refused.body])

  const renewed = await oauth.refreshTokenGrant(config, tokens.refresh_token ?? '')
  t.not(renewed.access_token, tokens.access_token)
  t.equal((await as(app, renewed.access_token, https)('GET /v1/resources')).statusCode, 200, 'refreshed')
  t.equal((await as(app, tokens.refresh_token, https)('GET /v1/resources')).statusCode, 401, 'a refresh token opens nothing')
})

t.test('"delegated access": each user has her own company, its tier and its count', async (t) => {
  const { app, issuer } = await start(t)
  const config = await clientOf(issuer, 'console')
  const { tokens: hers } = await authorize(config, grace, 'resources:read resources:write')
  const speak = as(app, hers.access_token, https)
  t.strictSame((await speak('GET /v1/resources')).json(), [], 'nothing of acme')
  t.equal((await speak('POST /v1/resources', { name: 'Invoice' })).statusCode, 201)
  t.strictSame(await repeat(99, () => speak('GET /v1/resources')), { 200: 98, 429: 1 }, 'Free: 100 at once')
  const { tokens } = await authorize(config, ada, 'resources:read')
  t.equal((await as(app, tokens.access_token, https)('GET /v1/resources')).statusCode, 200)
})

t.test('"User grants permission": who says no has granted nothing', async (t) => {
  const { issuer } = await start(t)
  const config = await clientOf(issuer, 'console')
  const fault = await authorize(config, { ...ada, consent: 'deny' }, 'resources:read').catch((fault: unknown) => fault)
  t.match(fault, { error: 'access_denied' })
})

t.test('client credentials: a client that acts for itself, with its own tier', async (t) => {
  const { app, issuer } = await start(t)
  const config = await clientOf(issuer, 'reports', 'demo-secret-of-the-nightly-reports')
  const { access_token: token } = await oauth.clientCredentialsGrant(config, { scope: 'resources:read' })
  const response = await as(app, token, https)('GET /v1/key')
  const { owner, ...principal } = response.json()
  t.match(principal, { client: 'reports', workspace: 'acme', tier: 'enterprise' })
  t.equal(owner, undefined)
  t.equal(response.headers.ratelimit, undefined, 'Enterprise: unlimited')
})

t.test('opaque tokens work the same, and a revoked one is refused at once', async (t) => {
  const { app, issuer, log } = await start(t)
  const config = await clientOf(issuer, 'partner', 'demo-secret-of-the-partner-opaque')
  const { tokens } = await authorize(config, ada, 'resources:manage')
  t.notMatch(tokens.access_token, /\./)
  const speak = as(app, tokens.access_token, https)
  t.equal((await speak('POST /v1/resources', { name: 'Invoice' })).statusCode, 201)
  t.match((await speak('GET /v1/key')).json(), { client: 'partner', owner: 'ada', workspace: 'acme' })
  t.equal((await as(app, tokens.refresh_token, https)('GET /v1/resources')).statusCode, 401, 'a refresh token is active, and no access token')
  await oauth.tokenRevocation(config, tokens.access_token)
  const refused = await speak('GET /v1/resources')
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], challenges.invalid)
  t.notMatch(log.text(), tokens.access_token)
})

t.test('a token that is bound to a key is good with its proof alone (RFC 9449)', async (t) => {
  const { app, issuer, front } = await start(t)
  const config = await clientOf(issuer, 'console')
  const handle = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair())
  const { tokens } = await authorize(config, ada, 'resources:read', handle)
  t.equal(tokens.token_type, 'dpop')
  const response = await oauth.fetchProtectedResource(config, tokens.access_token, new URL(`${front}/v1/resources?x=y`), 'GET', null, undefined, { DPoP: handle })
  t.equal(response.status, 200)
  t.strictSame(await response.json(), [{ id: 'resource_1', name: 'Report' }])
  t.equal((await as(app, tokens.access_token, https)('GET /v1/resources')).statusCode, 401, 'as Bearer it is refused')
})

t.test('a client that knows only the API finds the authorization server', async (t) => {
  const { app, keys, issuer, authorize } = await start(t)
  const challenge = String((await as(app, undefined, https)('GET /v1/resources')).headers['www-authenticate'])
  const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? []
  const { pathname } = new URL(metadata)
  const document = (await as(app, undefined, https)(`GET ${pathname}`)).json()
  t.match(document, { resource: 'https://api.platform.com', authorization_servers: [issuer], scopes_supported: ['resources:read', 'resources:write', 'resources:manage', 'api_keys:read', 'api_keys:write', 'api_keys:manage'] })
  t.strictSame((await as(app)(`GET ${pathname}`)).json(), document, 'like any public route also over plain HTTP')
  t.ok(authorize.startsWith(`${issuer}/oauth2/authorize?client_id=console&`), 'the printed URL')
  t.match((await signIn(new URL(authorize), ada)).callback.searchParams.get('code'), /./)
  t.equal((await as(app, keyOf(keys, 'pro'), https)('GET /v1/resources')).statusCode, 200, 'API keys work beside')
})
