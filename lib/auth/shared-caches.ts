import type { FastifyInstance } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import type { CredentialPlace } from '../core/credential-place.js'

/**
 * Keeps responses out of shared caches where a field of its own carries the credential. For Authorization caches do so
 * by themselves (RFC 9111 §3.5); other fields mean nothing to them.
 */
export function addCacheFields (
  app: FastifyInstance, context: AccessContext, places: readonly CredentialPlace[]
): void {
  const names = places.flatMap((place) => place.type === 'header' ? [place.name] : [])
  if (names.length === 0) return

  app.addHook('onSend', function keepPrivate (request, reply, payload, done) {
    const isKnown = request.principal !== null
    if (!isKnown && context.accessOf(request).mode === 'public') {
      done(null, payload)
      return
    }
    const answer: unknown = payload
    const response = isResponse(answer) && !answer.bodyUsed ? answer : undefined
    const current = (name: string): unknown => response?.headers.get(name) ?? reply.getHeader(name)
    const fields = {
      vary: vary(current('vary'), names),
      ...isKnown && { 'cache-control': cacheControl(current('cache-control')) }
    }
    reply.headers(fields)
    done(null, response === undefined ? payload : withFields(response, fields))
  })
}

/** As Fastify finds one: also of another class, such as that of the package undici. */
function isResponse (answer: unknown): answer is Response {
  return Object.prototype.toString.call(answer) === '[object Response]'
}

/**
 * Fastify sets the fields of a `Response` after this hook, in place of those of the reply. It reads no `statusText`,
 * which of a fetched response may have characters that a new one can't have.
 */
function withFields ({ body, status, headers: given }: Response, fields: Record<string, string>): Response {
  const headers = new Headers([...given])
  for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  return new Response(body, { status, headers })
}

/** What a handler set already, and the fields of credentials. */
function vary (current: unknown, names: readonly string[]): string {
  const listed = listOf(current)
  const known = listed.map((name) => name.toLowerCase())
  return known.includes('*') ? '*' : [...listed, ...names.filter((name) => !known.includes(name))].join(', ')
}

/** With these directives RFC 9111 §3.5 lets shared caches store responses to Authorization; two are stricter. */
const DECIDED = /^(?:public|private|no-store|must-revalidate|s-maxage=.*)$/i

function cacheControl (current: unknown): string {
  const directives = listOf(current)
  return directives.some((one) => DECIDED.test(one)) ? directives.join(', ') : ['private', ...directives].join(', ')
}

function listOf (current: unknown): string[] {
  return [current ?? []].flat().join(',').split(',').map((one) => one.trim()).filter((one) => one !== '')
}
