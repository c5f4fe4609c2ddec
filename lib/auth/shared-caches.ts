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
    if (isKnown || context.accessOf(request).mode !== 'public') {
      reply.header('vary', vary(reply.getHeader('vary'), names))
    }
    if (isKnown) reply.header('cache-control', cacheControl(reply.getHeader('cache-control')))
    done(null, payload)
  })
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
