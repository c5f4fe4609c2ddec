import t from 'tap'
import Fastify from 'fastify'
import { allowPlainHttp, latchkey, OptionError, type LatchkeyOptions, type Resolver } from 'fastify-latchkey'
import { createIntrospectionResolver, createJwtResolver } from 'fastify-latchkey/oauth'
import { collectRounds, rejection, thrown } from '../helpers/collect.js'
import { AUDIENCE, createPair, scopes } from '../helpers/oauth.js'

const issuer = 'https://auth.example.com'
const one = { issuer, audience: AUDIENCE }

/** What types would not let through. */
function jwt (options: object): unknown {
  return Reflect.apply(createJwtResolver, undefined, [options])
}

function introspection (options: object): unknown {
  return Reflect.apply(createIntrospectionResolver, undefined, [{ issuer, endpoint: `${issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE, ...options }])
}

t.test('wrong options of the JWT resolver are refused at boot, and say what to write', async (t) => {
  const { jwk, privateKey } = await createPair()
  const rows: ReadonlyArray<readonly [object, RegExp]> = [
    [{}, /option oauth\.issuers is missing; it must be an array with at least one \{ issuer, audience \}/],
    [{ issuers: [] }, /option oauth\.issuers must be an array with at least one/],
    [{ issuers: [{ issuer }] }, /option oauth\.issuers\.0\.audience is missing/],
    [{ issuers: [{ ...one, audience: [] }] }, /oauth\.issuers\.0\.audience must be the audience of this API/],
    [{ issuers: [{ ...one, audience: '' }] }, /oauth\.issuers\.0\.audience/],
    [{ issuers: [{ ...one, issuer: 'auth' }] }, /oauth\.issuers\.0\.issuer must be the URL of an issuer/],
    [{ issuers: [{ ...one, issuer: 'http://auth.example.com' }] }, /oauth\.issuers\.issuer must be an https URL; .* allowPlainHttp/],
    [{ issuers: [{ ...one, issuer: 'https://a:b@auth.example.com' }] }, /oauth\.issuers\.0\.issuer/],
    [{ issuers: [{ ...one, issuer: 'https://[' }] }, /oauth\.issuers\.issuer must be an https URL/],
    [{ issuers: [{ ...one, jwksUri: 'http://auth.example.com/jwks' }] }, /oauth\.issuers\.jwksUri must be an https URL/],
    [{ issuers: [one, one] }, /oauth\.issuers names an issuer twice/],
    [{ issuers: [{ ...one, algorithms: [] }] }, /oauth\.issuers\.0\.algorithms must be an array with at least one algorithm/],
    ...['none', 'HS256', 'HS384', 'HS512', 'es256'].map((alg): [object, RegExp] => [{ issuers: [{ ...one, algorithms: [alg] }] }, /algorithms\.0 must be one of RS256/]),
    [{ issuers: [{ ...one, jwks: { keys: 'x' } }] }, /jwks must be a JSON Web Key Set/],
    [{ issuers: [{ ...one, jwks: null }] }, /jwks must be a JSON Web Key Set/],
    [{ issuers: [{ ...one, x: 1 }] }, /unknown option oauth\.issuers\.0\.x/],
    [{ issuers: [one], clockTolerance: 61 }, /oauth\.clockTolerance must be seconds from 0 to 60/],
    [{ issuers: [one], cooldown: 0 }, /oauth\.cooldown must be seconds from 1 to 300/],
    [{ issuers: [one], jwksMaxAge: NaN }, /oauth\.jwksMaxAge/],
    [{ issuers: [one], deadline: 0 }, /oauth\.deadline must be seconds from 0\.01 to 60/],
    [{ issuers: [one], partition: 'token' }, /oauth\.partition must be 'client-and-user', 'client' or 'user'/],
    [{ issuers: [one], cache: true }, /oauth\.cache must be \{ size\?, maxAge\? \}/],
    [{ issuers: [one], cache: { maxAge: 4_000 } }, /oauth\.cache/],
    [{ issuers: [one], claims: { tier: 1 } }, /oauth\.claims\.tier must be the name of a claim, or a function/],
    [{ issuers: [one], claims: { plan: 'plan' } }, /unknown option oauth\.claims\.plan/],
    [{ issuers: [one], dpop: false }, /oauth\.dpop must be true or \{/],
    [{ issuers: [one], dpop: { nonce: { secret: 'short' } } }, /oauth\.dpop/],
    [{ issuers: [one], transport: Symbol('latchkey.allowPlainHttp') }, /oauth\.transport must be allowPlainHttp/],
    [{ issuers: [one], permissionsOf: () => [] }, /option scopes is missing: permissionsOf needs what defineScopes returned/],
    [{ issuers: [one], scopes: {} }, /oauth\.scopes must be what defineScopes returned/],
    [{ issuers: [one], authorizationCode: { authorizationUrl: 'x' } }, /oauth\.authorizationCode/]
  ]
  const patterns = collectRounds()
  for (const [options, message] of rows) {
    patterns.add(thrown(() => jwt(options)), { message }, String(message))
    patterns.add(thrown(() => jwt(options)), OptionError)
  }
  t.match(patterns.seen, patterns.expected)
  t.ok(jwt({ issuers: [{ ...one, jwks: { keys: [jwk] } }, { ...one, issuer: 'https://b.example.com', jwksUri: `${issuer}/jwks` }], cache: false, dpop: true, scopes, permissionsOf: () => [], partition: 'user' }))
  t.ok(jwt({ issuers: [{ ...one, issuer: 'http://127.0.0.1:1', jwksUri: 'http://127.0.0.1:1/jwks' }], transport: allowPlainHttp }))
  t.type(privateKey, 'object')
})

t.test('wrong options of the introspection resolver too', async (t) => {
  const rows: ReadonlyArray<readonly [object, RegExp]> = [
    [{ endpoint: 'http://auth.example.com/introspect' }, /oauth\.endpoint must be an https URL/],
    [{ endpoint: 'x' }, /oauth\.endpoint must be a URL/],
    [{ client: { id: 'a' } }, /oauth\.client\.secret is missing/],
    [{ client: { id: 'a', secret: '' } }, /oauth\.client\.secret/],
    [{ client: { id: 'a', secret: 'b', method: 'query' } }, /oauth\.client\.method must be 'basic' or 'post'/],
    [{ audience: true }, /oauth\.audience must be the audience of this API, an array of them or false/],
    [{ audience: undefined }, /oauth\.audience/],
    [{ issuer: 1 }, /oauth\.issuer must be the URL of an issuer/],
    [{ issuers: [one] }, /unknown option oauth\.issuers/]
  ]
  const patterns = collectRounds()
  for (const [options, message] of rows) patterns.add(thrown(() => introspection(options)), { message })
  t.match(patterns.seen, patterns.expected)
  t.ok(introspection({}))
})

t.test('no message of a wrong option shows a secret of it', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const options of [{ client: { id: 'a', secret: 'very-secret', x: 1 } }, { client: ['very-secret'] }, { endpoint: 1, client: { id: 'a', secret: 'very-secret' } }]) {
    const message = await Promise.resolve().then(() => introspection(options)).catch(String)
    patterns.add(message, 'OptionError')
    rounds.add(String(message).includes('very-secret'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a resolver whose maxLength or dpop has the wrong type is refused at boot', async (t) => {
  const resolver: Resolver = { scheme: 'oauth', kind: 'access-token', description: {}, resolve: () => undefined }
  const patterns = collectRounds()
  for (const over of [{ maxLength: 'x' }, { maxLength: 1.5 }, { dpop: true }]) {
    const app = Fastify()
    t.teardown(() => app.close())
    const options: LatchkeyOptions = { scopes, environment: 'production', keys: false }
    patterns.add(await rejection(async () => await app.register(latchkey, Object.assign(options, { resolvers: [{ ...resolver, ...over }] }))), { message: /resolvers\.0 must be a resolver/ })
  }
  t.match(patterns.seen, patterns.expected)
})
