/**
 * `fastify-latchkey`: the access layer of a platform API, as Fastify plugins.
 * The plugin is `latchkey`; its rooms have subpaths of their own (`fastify-latchkey/auth`, `/scopes`, `/limits`, …).
 */
export { latchkey, latchkey as default, type LatchkeyOptions } from './latchkey.js'
export { ground, type GroundOptions } from './ground.js'
export { allowPlainHttp, InvalidCredential, type Exposure, type Resolver } from './auth/index.js'
export { defineScopes, type Catalogue, type Declaration } from './scopes/index.js'
export type { ApiKey, IssueInput, Keys, KeyStore } from './keys/index.js'
export type { Decision, LimitStore, Policy, Profile } from './limits/index.js'
export { AccessError, refusals, type RefusalCode } from './errors.js'
export type { ErrorFormat, Renderer } from './formats.js'
export { OptionError } from './options.js'
export { notFound, serverOptions } from './server/index.js'
export * from './principal.js'
export * from './register.js'
