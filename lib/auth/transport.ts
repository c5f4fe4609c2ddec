import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Lets plain HTTP in. For local development and tests: whoever is on the path reads every credential.
 * Import it by name: `transport: allowPlainHttp`.
 */
export const allowPlainHttp: unique symbol = Symbol('latchkey.allowPlainHttp')

/**
 * True when the request came over TLS, or through a proxy that Fastify trusts (`trustProxy`) and that says exactly
 * `X-Forwarded-Proto: https`. A peer that is not trusted can't claim it.
 */
export function isEncrypted (request: FastifyRequest): boolean {
  return request.protocol === 'https'
}

/** What the log hears at boot of a transport that protects less than it looks. */
export function transportWarnings (app: FastifyInstance, plainAllowed: boolean): string[] {
  const warnings: string[] = []
  if (plainAllowed) warnings.push('allowPlainHttp: credentials are accepted over plain HTTP; never let this run in production')
  const trusted = trustProxyOf(app)
  if (typeof trusted === 'number') {
    warnings.push('trustProxy is a number, which does not say who the proxy is: since 5.12.1 Fastify then trusts nobody and ignores X-Forwarded-*; state the addresses of your proxies instead')
  }
  if (trusted === true) {
    warnings.push('trustProxy is true: whoever reaches this port can claim HTTPS and any address by X-Forwarded-*; state the addresses of your proxies instead')
  }
  return warnings
}

/** Fastify keeps `trustProxy` out of `initialConfig`; its options hang on the instance under a symbol. */
function trustProxyOf (app: FastifyInstance): unknown {
  for (let at: unknown = app; typeof at === 'object' && at !== null; at = Reflect.getPrototypeOf(at)) {
    const key = Object.getOwnPropertySymbols(at).find(({ description }) => description === 'fastify.options')
    const options: unknown = key === undefined ? undefined : Reflect.get(at, key)
    if (typeof options === 'object' && options !== null && 'trustProxy' in options) return options.trustProxy
  }
  return undefined
}
