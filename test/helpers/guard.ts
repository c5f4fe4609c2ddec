import type { Server } from 'node:http'
import Fastify, { type FastifyHttpOptions, type FastifyInstance, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { accessContext, type AccessContextOptions } from '../../lib/core/access-context.js'
import { allowPlainHttp, auth, type AuthOptions, type Resolver } from '../../lib/auth/index.js'
import { refusals, type RefusalCode } from '../../lib/core/errors.js'
import type { Principal } from '../../lib/core/principal.js'
import { keepLines } from './doors.js'

/** A credential that the resolver of `asked` knows. */
export const GOOD = 'good-credential'
export const BEARER = { authorization: `Bearer ${GOOD}` }

/** Options of routes: any valid credential; everybody; everybody, but no invalid credential. */
export const secured = { schema: { security: [{ apiKey: [] }] } }
export const publicRoute = { schema: { security: [] } }
export const optional = { schema: { security: [{ apiKey: [] }, {}] } }

export function principal (over: Partial<Principal> = {}): Principal {
  return Object.freeze({ kind: 'api-key', id: 'key-1', workspace: 'w1', environment: 'production', scopes: Object.freeze(['devices:read']), ...over })
}

export interface AskedResolver extends Resolver {
  /** All credentials that it was asked about. */
  readonly asked: string[]
}

/** A resolver that answers as `answer` does and records what it was asked. */
export function resolverOf (answer: (token: string, now: number) => ReturnType<Resolver['resolve']>): AskedResolver {
  const asked: string[] = []
  return {
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer' },
    asked,
    resolve (token, now) {
      asked.push(token)
      return answer(token, now)
    }
  }
}

/** Knows `GOOD` and no other credential. */
export function goodResolver (): AskedResolver {
  return resolverOf((token) => token === GOOD ? principal() : undefined)
}

export interface Setup {
  readonly fastify?: FastifyHttpOptions<Server>
  readonly context?: AccessContextOptions
  readonly auth?: Partial<AuthOptions>
  /** Registers what is registered before the guard. */
  readonly before?: (app: FastifyInstance) => unknown
  /** Registers what is registered after the guard; `GET /guarded` where left out. */
  readonly after?: (app: FastifyInstance) => unknown
}

/** A guarded app over plain HTTP, with the lines that it logs. */
export async function guard (t: Test, { fastify, context, auth: guards, before, after = guardedRoute }: Setup = {}) {
  const log = keepLines()
  const resolver = goodResolver()
  const app = Fastify({ logger: { level: 'trace', stream: log.stream }, ...fastify })
  t.teardown(() => app.close())
  await before?.(app)
  await app.register(accessContext, { ...context })
  await app.register(auth, { resolvers: [resolver], environment: 'production', transport: allowPlainHttp, ...guards })
  await after(app)
  return { app, resolver, log }
}

function guardedRoute (app: FastifyInstance): void {
  app.get('/guarded', secured, async (request) => ({ id: request.principal?.id }))
}

interface Answered {
  readonly statusCode?: number
  readonly status?: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export interface Expected {
  /** The answer to a HEAD request: the same without a body. */
  readonly head?: boolean
  readonly detail?: string | RegExp
  readonly realm?: string
  /** Of places other than `bearer()`. */
  readonly challenge?: string
  /** RateLimit fields and Retry-After. */
  readonly headers?: Readonly<Record<string, string | RegExp>>
}

/** Asserts a refusal in the default format: status, challenge, headers that must or must not be there, and the body. */
export function isRefusal (t: Test, answer: Answered, code: RefusalCode, { head = false, detail, realm = 'api', challenge = challengeOf(code, realm), headers = {} }: Expected = {}): void {
  const row = refusals[code]
  const given = answer.headers
  t.equal(answer.statusCode ?? answer.status, row.statusCode, `${code}: status`)
  t.equal(given['cache-control'], 'no-store', 'must not be stored')
  t.equal(given.location, undefined, 'no redirect')
  t.equal(given['content-type'], 'application/problem+json; charset=utf-8')
  t.equal(given['www-authenticate'], challenge)
  t.match(given, headers)
  if (headers['retry-after'] === undefined) t.equal(given['retry-after'], undefined, 'no Retry-After')
  if (headers.ratelimit === undefined) t.equal(given.ratelimit, undefined, 'no RateLimit fields')
  if (head) {
    t.equal(answer.body, '')
    return
  }
  const { detail: actual, title, ...body } = JSON.parse(answer.body)
  t.match(body, { type: 'about:blank', status: row.statusCode, code })
  t.type(title, 'string')
  t.match(actual, detail ?? row.message)
}

function challengeOf (code: RefusalCode, realm: string): string | undefined {
  const row = refusals[code]
  if (!('challenge' in row)) return undefined
  return row.challenge === '' ? `Bearer realm="${realm}"` : `Bearer realm="${realm}", error="${row.challenge}"`
}

/** The statuses of a request without a credential, with an unknown one and with the good one. */
export async function statuses (app: FastifyInstance, request: InjectOptions): Promise<[none: number, wrong: number, good: number]> {
  const [none, wrong, good] = await Promise.all([
    app.inject(request),
    app.inject({ ...request, headers: { ...request.headers, authorization: 'Bearer wrong' } }),
    app.inject({ ...request, headers: { ...request.headers, ...BEARER } })
  ])
  return [none.statusCode, wrong.statusCode, good.statusCode]
}
