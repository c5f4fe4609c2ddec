import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createJwtResolver, type CacheOptions } from 'fastify-latchkey/oauth'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { QUOTA, type Contender, type Shape } from './contender.js'
import { addRoutes } from './routes.js'

const issuer = 'https://auth.example.com'
const audience = 'https://api.example.com'

/** Latchkey with JWT access tokens and counters in memory: what latchkey-memory does, for the other kind of principal. */
export async function buildTokens ({ keys, routes, policies }: Shape, alg: 'ES256' | 'RS256', cache: CacheOptions | false): Promise<Contender> {
  const scopes = defineScopes({ resources: { devices: ['read', 'write'] }, schemes: ['oauth'] })
  const { publicKey, privateKey } = await generateKeyPair(alg)
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid: 'bench', alg }] }

  const app = Fastify()
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: false,
    resolvers: [createJwtResolver({ issuers: [{ issuer, audience, jwks }], cache: cache === false ? false : { maxAge: 3_600, ...cache } })],
    limits: { environments: { production: Array.from({ length: policies }, (_, n) => ({ name: `p${n}`, quota: QUOTA, window: 60 * (n + 1) })) } },
    transport: allowPlainHttp
  })
  addRoutes(app, routes, () => ({ schema: scopes.secure('devices:read') }))
  await app.ready()

  const issue = (n: number, scope: string): Promise<string> => new SignJWT({ client_id: 'bench', workspace: `workspace-${n % 100}`, scope })
    .setProtectedHeader({ alg, kid: 'bench', typ: 'at+jwt' })
    .setIssuer(issuer).setAudience(audience).setSubject(`user-${n}`).setJti(`token-${n}`).setIssuedAt().setExpirationTime('2h').sign(privateKey)
  const tokens: string[] = []
  for (let n = 0; n < keys; n++) tokens.push(await issue(n, 'devices:read devices:write'))
  return { app, keys: tokens, weak: await issue(keys, 'devices:write') }
}
