/**
 * `fastify-latchkey`: the access layer of a platform API, as Fastify plugins.
 * The plugin is `latchkey`; its parts have subpaths of their own (`fastify-latchkey/auth`, `/scopes`, `/limits`, …).
 */
export { latchkey, latchkey as default } from './latchkey.js'
export { adopt, type LatchkeyOptions } from './latchkey-options.js'
export { accessContext, type AccessContextOptions, type Latchkey } from './core/access-context.js'
export {
  allowPlainHttp, basic, bearer, header, InvalidCredential, type CredentialPlace, type Lookup, type Resolver
} from './auth/index.js'
export { defineScopes, type Catalogue, type Declaration } from './scopes/index.js'
export type { ApiKey, IssueInput, Keys, KeyStore } from './keys/index.js'
export type { Decision, LimitStore, Policy, Profile } from './limits/index.js'
export { AccessError, refusals, type RefusalCode } from './core/errors.js'
export type { ErrorFormat, Renderer } from './core/error-formats.js'
export { DecisionMessage, type DecidedPolicy } from './core/decision-channels.js'
export { LookupMessage, type LookupTarget } from './core/lookup-channel.js'
export { OptionError } from './core/options.js'
export { notFound, serverOptions } from './server/index.js'
export { isPrincipal, principalOf, type Principal, type PrincipalMetadata } from './core/principal.js'
export type { Register, ScopeName } from './core/scope-registry.js'
