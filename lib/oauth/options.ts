import { Type } from '@sinclair/typebox'
import { allowPlainHttp, createPermissions, type PermissionsOf } from '../auth/index.js'
import { accepted, OptionError, withMethods } from '../core/options.js'
import type { ScopeTable } from '../scopes/index.js'
import { proofsOptions, type BoundTokens, type DpopOptions, createBoundTokens } from './dpop.js'
import type { CacheOptions } from './token-cache.js'
import type { ClaimMap, Partition } from './principal.js'
import type { TokenTerms } from './token.js'

/** Where people sign in, as the document tells it, so that its page can do it. */
export interface AuthorizationCode {
  authorizationUrl: string
  tokenUrl: string
  refreshUrl?: string | undefined
}

/** What the resolvers of this room have in common. */
export interface TokenOptions {
  /** Where the fields of a principal come from. */
  claims?: ClaimMap | undefined
  /** Environment of all tokens, unless `claims.environment` tells it; `production` by default. */
  environment?: string | undefined
  /** What limits count separately; `client-and-user` by default. */
  partition?: Partition | undefined
  /** Name of the security scheme that routes state; `oauth` by default. */
  scheme?: string | undefined
  /** Seconds that the authorization server may take for one answer; 5 by default. The guard's own deadline holds beside it. */
  deadline?: number | undefined
  /** Tokens that were found good. `false`: each is looked at with every request. */
  cache?: CacheOptions | false | undefined
  /** Takes tokens that are bound to a key (RFC 9449), whose holder proves to have it; without it they are refused. */
  dpop?: true | DpopOptions | undefined
  /** What `defineScopes` returned: for the document, and needed for `permissionsOf`. */
  scopes?: ScopeTable | undefined
  /** What a user may do at most; bounds the tokens that act for it. */
  permissionsOf?: PermissionsOf | undefined
  /** Seconds that an answer of `permissionsOf` holds; 10 by default. */
  permissionsMaxAge?: number | undefined
  /** For the document: where people sign in. */
  authorizationCode?: AuthorizationCode | undefined
  /** `allowPlainHttp`, for an authorization server on this machine; otherwise its addresses must be https. */
  transport?: typeof allowPlainHttp | undefined
}

export const url = (description: string) => Type.String({ pattern: '^https?://[^\\s/?#@]+([/?][^\\s#]*)?$', description })
const seconds = (minimum: number, maximum: number) => Type.Number({ minimum, maximum, description: `seconds from ${minimum} to ${maximum}` })
const name = Type.String({ minLength: 1 })
const source = Type.Optional(Type.Union([name, Type.Function([], Type.Unknown())], { description: 'the name of a claim, or a function of all claims' }))

export const claimsOption = Type.Optional(Type.Object({
  workspace: source, environment: source, tier: source, owner: source, scopes: source
}, { additionalProperties: false, description: '{ workspace?, environment?, tier?, owner?, scopes? }' }))

export const tokenOptions = {
  claims: claimsOption,
  environment: Type.Optional(name),
  partition: Type.Optional(Type.Union([Type.Literal('client-and-user'), Type.Literal('client'), Type.Literal('user')], { description: '\'client-and-user\', \'client\' or \'user\'' })),
  scheme: Type.Optional(name),
  deadline: Type.Optional(seconds(0.01, 60)),
  cache: Type.Optional(Type.Union([
    Type.Object({ size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })), maxAge: Type.Optional(seconds(0, 3_600)) }, { additionalProperties: false }),
    Type.Literal(false)
  ], { description: '{ size?, maxAge? } in tokens from 1 to 1,000,000 and seconds from 0 to 3600, or false' })),
  dpop: proofsOptions,
  scopes: Type.Optional(withMethods(['expand'], 'what defineScopes returned')),
  permissionsOf: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the owner and the workspace' })),
  permissionsMaxAge: Type.Optional(seconds(0, 3_600)),
  authorizationCode: Type.Optional(Type.Object({
    authorizationUrl: url('a URL'), tokenUrl: url('a URL'), refreshUrl: Type.Optional(url('a URL'))
  }, { additionalProperties: false, description: '{ authorizationUrl, tokenUrl, refreshUrl? }' })),
  transport: Type.Optional(accepted((value) => value === allowPlainHttp, 'allowPlainHttp, imported from fastify-latchkey, or left out'))
}

/** Addresses that may be asked: HTTPS, and plain HTTP where the host named it. */
export function addressRule ({ transport }: TokenOptions): (url: string) => boolean {
  return (url) => URL.canParse(url) && (url.startsWith('https://') || (transport === allowPlainHttp && url.startsWith('http://')))
}

/** @throws OptionError */
export function checkAddress (options: TokenOptions, option: string, address: string): void {
  if (addressRule(options)(address)) return
  throw new OptionError(`option ${option} must be an https URL; for an authorization server on this machine state transport: allowPlainHttp`)
}

/** What the options say of tokens, whoever looks at them. @throws OptionError */
export function readTokenOptions (options: TokenOptions, maxAge: number): Pick<TokenTerms, 'cache' | 'bound'> & { readonly dpop: BoundTokens | undefined } {
  const { cache = {}, deadline = 5, dpop, permissionsOf, permissionsMaxAge = 10, scopes } = options
  if (permissionsOf !== undefined && scopes === undefined) throw new OptionError('option scopes is missing: permissionsOf needs what defineScopes returned')
  return {
    cache: cache === false ? false : { size: cache.size ?? 10_000, maxAge: cache.maxAge ?? maxAge },
    dpop: dpop === undefined ? undefined : createBoundTokens(dpop === true ? {} : dpop),
    bound: permissionsOf === undefined || scopes === undefined
      ? (principal) => principal
      : createPermissions({ permissionsOf, expand: scopes.expand, maxAge: permissionsMaxAge, deadline }).bound
  }
}

/** OpenAPI security scheme object: where people sign in, or `otherwise`. */
export function describeScheme ({ authorizationCode, scopes }: TokenOptions, otherwise: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (authorizationCode === undefined) return otherwise
  const names = scopes?.names ?? []
  return {
    type: 'oauth2',
    description: 'OAuth 2.0 access token: `Authorization: Bearer <token>`.',
    flows: { authorizationCode: { ...authorizationCode, scopes: Object.fromEntries(names.map((one) => [one, ''])) } }
  }
}
