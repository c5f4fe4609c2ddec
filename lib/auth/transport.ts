import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import type { AccessError } from '../core/errors.js'
import { OptionError } from '../core/options.js'
import type { Step } from '../core/step.js'
import { writeLog } from '../core/write-log.js'
import type { ExposureReport } from './exposure.js'

/**
 * Accepts plain HTTP. For local development and tests only: anybody on the network path can read every credential.
 * Import it by name: `transport: allowPlainHttp`.
 */
export const allowPlainHttp: unique symbol = Symbol.for('fastify-latchkey.allowPlainHttp')

/** @throws OptionError for another symbol */
export function isPlainHttpAllowed (transport: symbol | undefined): boolean {
  if (transport === undefined || transport === allowPlainHttp) return transport !== undefined
  throw new OptionError('option transport must be allowPlainHttp, imported from fastify-latchkey, not another symbol')
}

/**
 * True when the request came over TLS, or through a proxy that Fastify trusts (`trustProxy`) and that sends exactly
 * `X-Forwarded-Proto: https`. Fastify ignores that field from any other peer.
 */
export function isEncrypted (request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

const PLAIN_HTTP = 'plain HTTP is refused: behind a proxy that ends TLS, set trustProxy of Fastify to its address; ' +
  'for local development and tests alone, write transport: allowPlainHttp (this is logged once)'

/** Builds the refusal of plain HTTP. The first one logs the fixes: a server that is set up wrong refuses everybody. */
export function createPlainHttpRefusal (context: AccessContext): (request: FastifyRequest) => AccessError {
  let isLogged = false
  return function refusePlainHttp (request) {
    if (!isLogged) writeLog(() => request.log.warn(PLAIN_HTTP), PLAIN_HTTP)
    isLogged = true
    return context.refusal('INSECURE_TRANSPORT')
  }
}

/**
 * Refuses plain HTTP before the credential is read, and reports a credential that came that way. Public routes are
 * served: load balancers and kubelets ask for them over plain HTTP.
 */
export function createTransportStep (
  refusePlainHttp: (request: FastifyRequest) => AccessError, report: ExposureReport
): Step {
  return function requireTls (request, _reply, access) {
    if (isEncrypted(request)) return undefined
    report(request, 'plain-http')
    return access.mode === 'public' ? undefined : refusePlainHttp(request)
  }
}
