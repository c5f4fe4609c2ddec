import { generateKeyPairSync } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type onRequestHookHandler, type preHandlerHookHandler } from 'fastify'
import { QUOTA, type Contender, type Shape } from './contender.js'
import { addRoutes } from './routes.js'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: { sub: string, scope: string }
    user: { sub: string, scope: string }
  }
}

const issuer = 'https://auth.example.com'
const audience = 'https://api.example.com'

/** What people put together for JWTs: @fastify/jwt, a scope check of their own and @fastify/rate-limit in memory. */
export async function buildGluedTokens ({ keys, routes }: Shape, cache: boolean): Promise<Contender> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
  const app = Fastify()
  await app.register(fastifyJwt, {
    secret: { private: privateKey, public: publicKey },
    sign: { algorithm: 'ES256', iss: issuer, aud: audience, expiresIn: '2h' },
    verify: { algorithms: ['ES256'], allowedIss: issuer, allowedAud: audience, cache }
  })
  await app.register(rateLimit, { max: QUOTA, timeWindow: 60_000, enableDraftSpec: true, hook: 'preHandler', keyGenerator: ({ user }) => user.sub })

  const authenticate: onRequestHookHandler = async function authenticate (request) {
    await request.jwtVerify()
  }
  const requireScope = (scope: string): preHandlerHookHandler => function checkScope (request, reply, done) {
    if (request.user.scope.split(' ').includes(scope)) done()
    else reply.code(403).send({ error: 'insufficient scope' })
  }
  addRoutes(app, routes, () => ({ onRequest: authenticate, preHandler: requireScope('devices:read') }))
  await app.ready()

  return {
    app,
    keys: Array.from({ length: keys }, (_, n) => app.jwt.sign({ sub: `user-${n}`, scope: 'devices:read devices:write' })),
    weak: app.jwt.sign({ sub: 'weak', scope: 'devices:write' })
  }
}
