/**
 * `fastify-latchkey/management`: routes by which people and scripts manage what an API has, below prefixes of the
 * host's choice.
 */
export { keyRoutes } from './key-routes.js'
export type { KeyRoutesOptions } from './key-options.js'
export type { ScopePreset } from './grantable.js'
export type { CallerView, KeyView } from './key-schemas.js'
export { secretScanningRoute, type SecretScanningOptions } from './secret-scanning.js'
export { webhookRoutes, type WebhookRoutesOptions } from './webhook-routes.js'
export type { DeliveryView, EndpointView, WebhookCallerView } from './webhook-schemas.js'
export type { ActorOptions, ManagedWorkspace } from './actors.js'
export type { RouteScopes } from './route-scopes.js'
