import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { contextOf } from '../core/access-context.js'
import { checkOptions, withMethods } from '../core/options.js'
import type { ScopeTable } from '../scopes/index.js'
import { urlSchema } from './issuer-url.js'

/** Options of `protectedResource`. */
export interface ProtectedResourceOptions {
  /** This API as its callers know it, and as tokens name it in `aud`: `https://api.platform.com`. */
  resource: string
  /** Issuers of the tokens that are accepted. */
  authorizationServers: readonly string[]
  /** What `defineScopes` returned. */
  scopes: ScopeTable
  /** For people: a name, and a page about how to use this API. */
  name?: string | undefined
  documentation?: string | undefined
}

const resourceSchema = Type.Object({
  resource: Type.String({
    pattern: '^https://[^\\s/?#@"\\\\]+(/[\\w.~-]+)*$',
    description: 'an https URL without query, fragment and a slash at the end'
  }),
  authorizationServers: Type.Array(urlSchema('the URL of an issuer'), {
    minItems: 1, description: 'an array with at least one issuer'
  }),
  scopes: withMethods(['expand'], 'what defineScopes returned'),
  name: Type.Optional(Type.String({ minLength: 1 })),
  documentation: Type.Optional(urlSchema('a URL'))
}, { additionalProperties: false })

/**
 * Protected resource metadata (RFC 9728), by which clients find the authorization servers: a public document at
 * `/.well-known/oauth-protected-resource`, whose URL every challenge of the context names. Register it after Latchkey,
 * without a prefix.
 *
 * ```ts
 * await app.register(protectedResource, {
 *   resource: 'https://api.platform.com', authorizationServers: ['https://auth.platform.com'], scopes
 * })
 * ```
 *
 * @throws OptionError
 */
export const protectedResource = fp<ProtectedResourceOptions>(async function latchkeyProtectedResource (app, options) {
  checkOptions(resourceSchema, options, 'protectedResource')
  const { resource, authorizationServers, scopes, name, documentation } = options
  const { challenge } = contextOf(app)
  const { origin, pathname } = new URL(resource)
  const path = `/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`
  challenge.resourceMetadata = origin + path

  const metadata = JSON.stringify({
    resource,
    authorization_servers: authorizationServers,
    scopes_supported: scopes.names,
    bearer_methods_supported: ['header'],
    resource_name: name,
    resource_documentation: documentation,
    dpop_signing_alg_values_supported: challenge.dpop
  })
  app.get(path, { schema: Object.assign({ security: [] }, { hide: true }) }, (_request, reply) => {
    reply.header('cache-control', 'public, max-age=3600').type('application/json; charset=utf-8').send(metadata)
  })
}, { name: 'latchkey-protected-resource', fastify: '5.x || 6.x' })
