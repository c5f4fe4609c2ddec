/**
 * `fastify-latchkey/oauth`: OAuth 2.0 access tokens as principals, for the `resolvers` option. Needs `jose`.
 */
export {
  createJwtResolver, type Algorithm, type JwtIssuer, type JwtResolver, type JwtResolverOptions
} from './jwt-resolver.js'
export {
  createIntrospectionResolver, type IntrospectionClient, type IntrospectionResolverOptions
} from './introspection-resolver.js'
export type { AuthorizationCode, TokenOptions } from './token-options.js'
export type { ClaimMap, ClaimSource, Partition } from './token-principal.js'
export type { JwtClaimMap, Profile } from './token-profile.js'
export type { PermissionsOf } from '../auth/index.js'
export type { CacheOptions } from './token-cache.js'
export { protectedResource, type ProtectedResourceOptions } from './protected-resource.js'
export type { DpopOptions } from './dpop.js'
export { createMemoryReplayStore, ReplayStoreFull, type ReplayStore } from './replay.js'
export { IssuerUnavailable } from './issuer-http.js'
