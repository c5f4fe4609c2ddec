import { Type } from '@sinclair/typebox'
import { allowPlainHttp, createPermissions, type PermissionsOf, type Resolver } from '../auth/index.js'
import { accepted, OptionError, withMethods } from '../core/options.js'
import type { ScopeTable } from '../scopes/index.js'
import { createDpopVerifier, dpopSchema, type DpopOptions } from './dpop.js'
import { urlSchema } from './issuer-url.js'
import type { CacheOptions } from './token-cache.js'
import type { ClaimMap, Partition } from './token-principal.js'
import type { TokenResolverDeps } from './token-resolver.js'

/** Where people sign in (RFC 6749 §4.1), shown in the OpenAPI document, so that its page can do it. */
export interface AuthorizationCode {
  authorizationUrl: string
  tokenUrl: string
  refreshUrl?: string | undefined
}

/** What `createJwtResolver` and `createIntrospectionResolver` have in common. */
export interface TokenOptions {
  /** Where the fields of a principal come from. */
  claims?: ClaimMap | undefined
  /** Environment of all tokens, unless `claims.environment` names a claim; `production` by default. */
  environment?: string | undefined
  /** What limits count separately; `client-and-user` by default. */
  partition?: Partition | undefined
  /** Name of the security scheme that routes declare; `oauth` by default. */
  scheme?: string | undefined
  /** Seconds that the authorization server may take for an answer; 5 by default. Latchkey's `deadline` applies too. */
  deadline?: number | undefined
  /** The cache of good tokens. `false`: each request verifies its token. */
  cache?: CacheOptions | false | undefined
  /** Accepts tokens that are bound to a JWK (RFC 9449) and checks the proofs; without it they are refused. */
  dpop?: true | DpopOptions | undefined
  /** What `defineScopes` returned: shown in the OpenAPI document, and needed for `permissionsOf`. */
  scopes?: ScopeTable | undefined
  /** What a user may do at most; bounds the tokens that act for it. */
  permissionsOf?: PermissionsOf | undefined
  /** Seconds that an answer of `permissionsOf` is cached; 10 by default. */
  permissionsMaxAge?: number | undefined
  /** For the OpenAPI document: where people sign in. */
  authorizationCode?: AuthorizationCode | undefined
  /** `allowPlainHttp`, for an authorization server on this machine; otherwise its URLs must be https. */
  transport?: typeof allowPlainHttp | undefined
}

const seconds = (minimum: number, maximum: number) =>
  Type.Number({ minimum, maximum, description: `seconds from ${minimum} to ${maximum}` })
const name = Type.String({ minLength: 1 })
const source = Type.Optional(Type.Union([name, Type.Function([], Type.Unknown())], {
  description: 'the name of a claim, or a function of all claims'
}))

const sources = { workspace: source, environment: source, tier: source, owner: source, scopes: source }
const claimsSchema = Type.Optional(Type.Object(sources, {
  additionalProperties: false, description: '{ workspace?, environment?, tier?, owner?, scopes? }'
}))
export const jwtClaimsSchema = Type.Optional(Type.Object({ ...sources, client: source, audience: source }, {
  additionalProperties: false, description: '{ workspace?, environment?, tier?, owner?, scopes?, client?, audience? }'
}))

export const tokenSchema = {
  claims: claimsSchema,
  environment: Type.Optional(name),
  partition: Type.Optional(Type.Union(['client-and-user', 'client', 'user'].map((one) => Type.Literal(one)), {
    description: '\'client-and-user\', \'client\' or \'user\''
  })),
  scheme: Type.Optional(name),
  deadline: Type.Optional(seconds(0.01, 60)),
  cache: Type.Optional(Type.Union([
    Type.Object({
      size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
      maxAge: Type.Optional(seconds(0, 3_600))
    }, { additionalProperties: false }),
    Type.Literal(false)
  ], { description: '{ size?, maxAge? } in tokens from 1 to 1,000,000 and seconds from 0 to 3600, or false' })),
  dpop: dpopSchema,
  scopes: Type.Optional(withMethods(['expand'], 'what defineScopes returned')),
  permissionsOf: Type.Optional(Type.Function([], Type.Unknown(), {
    description: 'a function of the owner and the workspace'
  })),
  permissionsMaxAge: Type.Optional(seconds(0, 3_600)),
  authorizationCode: Type.Optional(Type.Object({
    authorizationUrl: urlSchema('a URL'), tokenUrl: urlSchema('a URL'), refreshUrl: Type.Optional(urlSchema('a URL'))
  }, { additionalProperties: false, description: '{ authorizationUrl, tokenUrl, refreshUrl? }' })),
  transport: Type.Optional(accepted((value) => value === allowPlainHttp,
    'allowPlainHttp, imported from fastify-latchkey, or left out'))
}

/**
 * @param maxAge seconds that tokens are cached by default
 * @throws OptionError
 */
export function readTokenOptions (
  options: TokenOptions, maxAge: number
): Pick<TokenResolverDeps, 'cache' | 'bound' | 'dpop'> {
  const { cache = {}, deadline = 5, dpop, permissionsOf, permissionsMaxAge = 10, scopes } = options
  if (permissionsOf !== undefined && scopes === undefined) {
    throw new OptionError('option scopes is missing: permissionsOf needs what defineScopes returned')
  }
  return {
    cache: cache === false ? false : { size: cache.size ?? 10_000, maxAge: cache.maxAge ?? maxAge },
    dpop: dpop === undefined ? undefined : createDpopVerifier(dpop === true ? {} : dpop),
    bound: permissionsOf === undefined || scopes === undefined
      ? (principal) => principal
      : createPermissions({ permissionsOf, expand: scopes.expand, maxAge: permissionsMaxAge, deadline }).bound
  }
}

/** OpenAPI security scheme object: where people sign in, or `otherwise`. */
export function describeScheme (
  { authorizationCode, scopes }: TokenOptions, otherwise: Resolver['description']
): Resolver['description'] {
  if (authorizationCode === undefined) return otherwise
  const names = scopes?.names ?? []
  return {
    type: 'oauth2',
    description: 'OAuth 2.0 access token: `Authorization: Bearer <token>`.',
    flows: { authorizationCode: { ...authorizationCode, scopes: Object.fromEntries(names.map((one) => [one, ''])) } }
  }
}
