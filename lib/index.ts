/**
 * `fastify-latchkey`: the access layer of a platform API, as Fastify plugins.
 * The plugin is `latchkey`; its rooms have subpaths of their own (`fastify-latchkey/auth`, `/scopes`, `/limits`, …).
 */
export { latchkey, latchkey as default, type LatchkeyOptions } from './latchkey.js'
export { accessContext as ground, type AccessContextOptions as GroundOptions } from './core/access-context.js'
export { allowPlainHttp, InvalidCredential, type Exposure, type Resolver } from './auth/index.js'
export { defineScopes, type Catalogue, type Declaration } from './scopes/index.js'
export type { ApiKey, IssueInput, Keys, KeyStore } from './keys/index.js'
export type { Decision, LimitStore, Policy, Profile } from './limits/index.js'
export { AccessError, refusals, type RefusalCode } from './core/errors.js'
export type { ErrorFormat, Renderer } from './core/error-formats.js'
export { OptionError } from './core/options.js'
export { notFound, serverOptions } from './server/index.js'
export * from './core/principal.js'
export * from './core/scope-registry.js'
