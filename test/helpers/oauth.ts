import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { CompactSign, exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose'
import type { Test } from 'tap'
import { allowPlainHttp, defineScopes, latchkey, type LatchkeyOptions, type Resolver } from 'fastify-latchkey'
import { fakeClock } from 'fastify-latchkey/testing'
import { keepLines, portOf } from './doors.js'

export const scopes = defineScopes({ resources: { devices: ['read', 'write', 'manage'] }, schemes: ['oauth'] })

/** This API, as tokens name it. */
export const AUDIENCE = 'https://api.example.com'

export interface Pair { readonly privateKey: CryptoKey, readonly publicKey: CryptoKey, readonly jwk: JWK }

export async function createPair (alg = 'ES256', kid = 'key-1'): Promise<Pair> {
  const pair = await generateKeyPair(alg, { extractable: true })
  return { ...pair, jwk: { ...await exportJWK(pair.publicKey), kid, alg, use: 'sig' } }
}

export type Claims = Readonly<Record<string, unknown>>

/** Signs whatever it is given. */
export async function forge (key: CryptoKey | Uint8Array, header: Claims, claims: unknown): Promise<string> {
  return await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'ES256', ...header }).sign(key)
}

/** One part of a token that is put together by hand. */
export function part (value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => unknown

export function json (value: unknown): Answer {
  return (_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

/** An authorization server on the loopback that answers as it is told, with a clock for everybody. */
export async function createAuthority (t: Test) {
  const clock = fakeClock()
  const pair = await createPair()
  const asked: string[] = []
  const answers = new Map<string, Answer>()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    asked.push(`${request.method} ${request.url}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const answer = answers.get(pathname)
      if (answer === undefined) response.writeHead(404).end()
      else answer(request, response, Buffer.concat(chunks).toString())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const issuer = `http://127.0.0.1:${portOf(server)}`
  answers.set('/.well-known/oauth-authorization-server', json({ issuer, jwks_uri: `${issuer}/jwks` }))
  answers.set('/jwks', json({ keys: [pair.jwk] }))

  /** Claims of a good token; undefined takes one away. */
  function claimsOf (over: Claims = {}): Claims {
    const now = Math.floor(clock.now() / 1000)
    return { iss: issuer, aud: AUDIENCE, sub: 'user-1', client_id: 'client-1', jti: randomUUID(), iat: now, exp: now + 300, scope: 'devices:read', workspace: 'w1', ...over }
  }

  return {
    clock,
    pair,
    issuer,
    asked,
    answers,
    claimsOf,
    /** A good token, but for what is given. */
    issue: (over: Claims = {}, header: Claims = {}) => forge(pair.privateKey, { typ: 'at+jwt', kid: 'key-1', ...header }, claimsOf(over))
  }
}

export type Authority = Awaited<ReturnType<typeof createAuthority>>

/** An app that takes the tokens of `resolvers`, with the lines that it logs. */
export async function guarded (t: Test, authority: Authority, resolvers: readonly Resolver[], options: Partial<LatchkeyOptions> = {}, routes: (app: FastifyInstance) => void = () => {}) {
  const log = keepLines()
  const app = Fastify({ logger: { level: 'trace', stream: log.stream } })
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes, keys: false, environment: 'production', resolvers, transport: allowPlainHttp, clock: authority.clock.now, deadline: 20, limits: { environments: { production: [] } }, failures: false, ...options
  })
  app.get('/devices', { schema: scopes.secure('devices:read') }, (request) => request.principal)
  app.post('/devices', { schema: scopes.secure('devices:write') }, (request) => request.principal)
  routes(app)
  await app.ready()
  return { app, log, get: (token: string) => get(app, token) }
}

export async function get (app: FastifyInstance, token: string): Promise<LightMyRequestResponse> {
  return await app.inject({ url: '/devices', headers: { authorization: `Bearer ${token}` } })
}

/** No part of a token's payload or signature in an answer or a log line. */
export function leaks (t: Test, token: string, texts: readonly string[]): void {
  const parts = token.split('.').flatMap((part) => part.length < 12 ? [] : [part.slice(0, 12), part.slice(-12)]).slice(-4)
  t.same(texts.filter((text) => parts.some((part) => text.includes(part))), [], 'no part of a token is shown')
}

/** A refusal of a token, or an outage. */
export function isRefused (t: Test, response: LightMyRequestResponse, code: 'CREDENTIAL_INVALID' | 'AUTHENTICATION_UNAVAILABLE', message = '', invalid = 'The credential is not valid.'): void {
  const expected = code === 'CREDENTIAL_INVALID'
    ? { status: 401, challenge: 'Bearer realm="api", error="invalid_token"', retry: undefined, title: 'Unauthorized', detail: invalid }
    : { status: 503, challenge: undefined, retry: '1', title: 'Service Unavailable', detail: 'Authentication is temporarily unavailable; retry after a short backoff.' }
  const { status, challenge, retry, title, detail } = expected
  t.equal(response.statusCode, status, `${message}: ${status}`)
  t.strictSame(response.json(), { type: 'about:blank', title, status, detail, code }, `${message}: body`)
  t.equal(response.headers['www-authenticate'], challenge, `${message}: challenge`)
  t.equal(response.headers['retry-after'], retry, `${message}: retry-after`)
  t.equal(response.headers['cache-control'], 'no-store', `${message}: not cached`)
}
