import type { FastifyRequest } from 'fastify'
import type { AccessError } from '../core/errors.js'
import type { AccessContext } from '../core/access-context.js'

/**
 * Refuses a change that a page of another site may have sent with the user's cookies. By Fetch metadata where the
 * browser sends it, by `Origin` otherwise; a client that sends neither is no browser of today. JSON alone would protect
 * as well, as long as no CORS preflight of the host allows too much.
 *
 * @param trustedOrigins further origins whose pages may send changes
 * @returns undefined where the request may go on
 */
export function refuseCrossSite (
  request: FastifyRequest,
  refusal: AccessContext['refusal'],
  trustedOrigins: readonly string[]
): AccessError | undefined {
  const { method, headers } = request
  if (method === 'GET' || method === 'HEAD') return undefined
  if (!JSON_TYPE.test(headers['content-type'] ?? '')) {
    const detail = 'A change must be sent with Content-Type: application/json.'
    return refusal('UNSUPPORTED_MEDIA_TYPE', { detail, reason: 'a form of another site could send this body' })
  }
  const { origin, 'sec-fetch-site': site } = headers
  if (origin !== undefined && trustedOrigins.includes(origin)) return undefined
  if (site !== undefined ? site === 'same-origin' || site === 'none' : isOwn(origin, request.host)) return undefined
  const from = origin === undefined ? String(site) : `${site ?? 'origin'} ${origin}`
  return refusal('CROSS_SITE_REQUEST', { reason: `a change sent by ${from}; trusted pages belong in trustedOrigins` })
}

const JSON_TYPE = /^application\/json *(;|$)/i

/** By the host alone: behind a proxy that ends TLS, the scheme that this server sees may not be the browser's. */
function isOwn (origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true
  if (!URL.canParse(origin)) return false
  const { protocol, host: from } = new URL(origin)
  return from !== '' && URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === from
}
