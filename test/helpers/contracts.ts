import { Writable } from 'node:stream'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { contextOf } from '../../lib/core/access-context.js'

/** Sends `'POST /carts'`, with a body or without. */
export type Voice = (request: string, body?: unknown) => Promise<LightMyRequestResponse>

const methods = { GET: 'GET', HEAD: 'HEAD', POST: 'POST', PUT: 'PUT', PATCH: 'PATCH', DELETE: 'DELETE', OPTIONS: 'OPTIONS' } as const

function isMethod (method: string): method is keyof typeof methods {
  return Object.hasOwn(methods, method)
}

/** Speaks to `app` as the holder of `key`, or as nobody. `headers` go with every request. */
export function as (app: FastifyInstance, key?: string, headers: Readonly<Record<string, string>> = {}): Voice {
  return async function send (request, body) {
    const [method = '', url = ''] = request.split(' ')
    if (!isMethod(method)) throw new TypeError(`${request} does not begin with a method`)
    const options: InjectOptions = {
      method: methods[method],
      url,
      headers: {
        ...headers,
        ...key !== undefined && { authorization: `Bearer ${key}` },
        ...body !== undefined && { 'content-type': 'application/json' }
      },
      ...body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }
    }
    return await app.inject(options)
  }
}

/** The text of a demo key of an example. */
export function keyOf (keys: Readonly<Record<string, string>>, name: string): string {
  const text = keys[name]
  if (text === undefined) throw new TypeError(`there is no demo key ${name}`)
  return text
}

/** `'GET /carts/:id'` of every route that needs a credential, HEAD twins left out. */
export function guardedRoutes (app: FastifyInstance): string[] {
  return contextOf(app).routes.filter(({ method, mode }) => method !== 'HEAD' && mode === 'guarded').map(({ method, url }) => `${method} ${url}`).sort()
}

/** An answer to whoever may: its status and its whole body, and no word of a refusal. */
export function answered (t: Test, response: LightMyRequestResponse, status: number, body: unknown, request = ''): void {
  t.strictSame(answerOf(response), answerWith(status, body), request)
}

/** All of an answer that `answerWith` states. */
export function answerOf (response: LightMyRequestResponse) {
  const { type, cacheControl: _any, location: _none, ...answer } = refusalOf(response)
  return { ...answer, json: String(type).includes('application/json') }
}

export function answerWith (status: number, body: unknown) {
  return { status, body, challenge: undefined, retryAfter: undefined, json: true }
}

export interface Refusal {
  readonly status: number
  readonly body: unknown
  readonly challenge?: string
  readonly retryAfter?: string
  readonly type?: string
}

/** A refusal: its status, its whole body and every header that it must, or must not, carry. */
export function refused (t: Test, response: LightMyRequestResponse, expected: Refusal, request = ''): void {
  t.strictSame(refusalOf(response), refusalWith(expected), request)
}

/** All of a refusal that `refusalWith` states. */
export function refusalOf (response: LightMyRequestResponse) {
  const { headers } = response
  return {
    status: response.statusCode,
    body: response.json(),
    type: headers['content-type'],
    cacheControl: headers['cache-control'],
    challenge: headers['www-authenticate'],
    retryAfter: headers['retry-after'],
    location: headers.location
  }
}

export function refusalWith ({ status, body, challenge, retryAfter, type = 'application/json; charset=utf-8' }: Refusal) {
  return { status, body, type, cacheControl: 'no-store', challenge, retryAfter, location: undefined }
}

/** The challenges of RFC 6750 §3. */
export const challenges = {
  missing: 'Bearer realm="api"',
  malformed: 'Bearer realm="api", error="invalid_request"',
  invalid: 'Bearer realm="api", error="invalid_token"',
  scope: (...scopes: readonly string[]) => `Bearer realm="api", error="insufficient_scope", scope="${scopes.join(' ')}"`
}

/** A log at trace level, kept: `logger` for an example, `text()` for what it wrote. */
export function keptLog () {
  const chunks: string[] = []
  const stream = new Writable({
    write (chunk, _encoding, done) {
      chunks.push(String(chunk))
      done()
    }
  })
  return { logger: { level: 'trace', stream }, text: () => chunks.join('') }
}

/** Sends one request after another. @returns how many of each status were answered */
export async function repeat (times: number, send: () => Promise<LightMyRequestResponse>): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (let i = 0; i < times; i++) {
    const { statusCode } = await send()
    counts[statusCode] = (counts[statusCode] ?? 0) + 1
  }
  return counts
}
