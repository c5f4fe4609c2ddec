import type { FastifyRequest } from 'fastify'
import type { AccessContext } from '../core/access-context.js'
import { OptionError } from '../core/options.js'
import type { Step } from '../core/step.js'
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

/**
 * Refuses plain HTTP before the credential is read, and reports a credential that came that way. Public routes are
 * served: load balancers and kubelets ask for them over plain HTTP.
 */
export function createTransportStep (context: AccessContext, report: ExposureReport): Step {
  return function requireTls (request, _reply, access) {
    if (isEncrypted(request)) return undefined
    report(request, 'plain-http')
    return access.mode === 'public' ? undefined : context.refusal('INSECURE_TRANSPORT')
  }
}
