import { getHeapSpaceStatistics } from 'node:v8'
import Fastify, { type FastifyInstance } from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { buildRow } from '../bench/servers/contender.js'
import { addRoutes } from '../bench/servers/routes.js'

/** A guarded server in a process of its own. At a second port it answers how many bytes outlive minor collections. */
const { ROW = '', REDIS_PORT } = process.env
const { app, keys } = ROW === 'tokens' ? await buildTokens() : await buildRow(ROW, Number(REDIS_PORT), 1e9)

async function buildTokens (): Promise<{ app: FastifyInstance, keys: string[] }> {
  const issuer = 'https://auth.example.com'
  const audience = 'https://api.example.com'
  const scopes = defineScopes({ resources: { devices: ['read'] }, schemes: ['oauth'] })
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid: '1', alg: 'ES256' }] }
  const app = Fastify()
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: false,
    resolvers: [createJwtResolver({ issuers: [{ issuer, audience, jwks }], cache: { maxAge: 3600 } })],
    limits: { environments: { production: [{ name: 'production', quota: 1e9, window: 60 }] } },
    transport: allowPlainHttp
  })
  addRoutes(app, { schema: scopes.secure('devices:read') })
  const keys = await Promise.all(Array.from({ length: 1000 }, (_, n) =>
    new SignJWT({ client_id: 'client', workspace: 'w_1', scope: 'devices:read' })
      .setProtectedHeader({ alg: 'ES256', kid: '1', typ: 'at+jwt' })
      .setIssuer(issuer).setAudience(audience).setSubject(`user-${n}`).setJti(`token-${n}`)
      .setIssuedAt().setExpirationTime('2h').sign(privateKey)))
  return { app, keys }
}

function collect (type: 'major' | 'minor'): void {
  if (globalThis.gc === undefined) throw new Error('started without --expose-gc')
  globalThis.gc({ type })
}

function outlived (): number {
  collect('minor')
  collect('minor')
  const old = getHeapSpaceStatistics().filter(({ space_name: space }) => !space.startsWith('new_'))
  return old.reduce((sum, { space_used_size: used }) => sum + used, 0)
}

const weigher = Fastify()
weigher.get('/outlived', async () => outlived())
weigher.get('/settled', async () => {
  collect('major')
  return outlived()
})
console.log(JSON.stringify({
  url: `${await app.listen({ host: '127.0.0.1', port: 0 })}/at-once/d1`,
  keys,
  weigher: await weigher.listen({ host: '127.0.0.1', port: 0 })
}))
