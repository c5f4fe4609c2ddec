import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { Type } from '@sinclair/typebox'
import type { Resolver } from '../auth/index.js'
import { accepted, checkOptions, OptionError } from '../core/options.js'
import { createKeySetLoader, openIdConfigurationUrl } from './discovery.js'
import { createIssuerKeys } from './jwks.js'
import { addressRule, checkAddress, claimsOption, describeScheme, readTokenOptions, tokenOptions, url, type TokenOptions } from './options.js'
import { createPrincipalReader, type ClaimMap } from './principal.js'
import { createTokenResolver } from './token.js'
import { verifyAccessToken, type TrustedIssuer } from './verify.js'

/** Signature algorithms that access tokens may have: asymmetric ones alone. */
export type Algorithm = typeof algorithms[number]

/** An authorization server whose tokens are taken. */
export interface JwtIssuer {
  /** As in the claim `iss`, to the letter. */
  issuer: string
  /** This API, as in the claim `aud`; one of several. */
  audience: string | readonly string[]
  /** RS256, PS256, ES256 and Ed25519 (as EdDSA too) by default. */
  algorithms?: readonly Algorithm[] | undefined
  /** Where its keys are; by discovery (RFC 8414, OpenID Connect) where left out. */
  jwksUri?: string | undefined
  /** Its keys themselves; nobody is asked. */
  jwks?: JSONWebKeySet | undefined
  /** In the place of the resolver's. */
  claims?: ClaimMap | undefined
  environment?: string | undefined
}

export interface JwtResolverOptions extends TokenOptions {
  issuers: readonly JwtIssuer[]
  /** Seconds that clocks may differ, for `iat` and `nbf`; 5 by default, at most 60. `exp` is to the millisecond. */
  clockTolerance?: number | undefined
  /** Seconds between two attempts to load the keys of an issuer, whatever tokens name; 10 by default. */
  cooldown?: number | undefined
  /**
   * Seconds after which nothing goes by the keys of an issuer, or by tokens that were found good by them, unless they were
   * loaded again; 600 by default. While the issuer does not answer, its known keys go on, for a day at most.
   */
  keysMaxAge?: number | undefined
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const
const usual: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']
const text = Type.String({ minLength: 1 })

const jwtOptions = Type.Object({
  ...tokenOptions,
  issuers: Type.Array(Type.Object({
    issuer: url('the URL of an issuer'),
    audience: Type.Union([text, Type.Array(text, { minItems: 1 })], { description: 'the audience of this API, or an array of them' }),
    algorithms: Type.Optional(Type.Array(Type.Union(algorithms.map((one) => Type.Literal(one)), { description: `one of ${algorithms.join(', ')}` }), { minItems: 1, description: 'an array with at least one algorithm' })),
    jwksUri: Type.Optional(url('a URL')),
    jwks: Type.Optional(accepted(isKeySet, 'a JSON Web Key Set: { keys: [...] }')),
    claims: claimsOption,
    environment: Type.Optional(text)
  }, { additionalProperties: false }), { minItems: 1, description: 'an array with at least one { issuer, audience }' }),
  clockTolerance: Type.Optional(Type.Number({ minimum: 0, maximum: 60, description: 'seconds from 0 to 60' })),
  cooldown: Type.Optional(Type.Number({ minimum: 1, maximum: 300, description: 'seconds from 1 to 300' })),
  keysMaxAge: Type.Optional(Type.Number({ minimum: 1, maximum: 86_400, description: 'seconds from 1 to 86400' }))
}, { additionalProperties: false })

/** Longest access token; Node's limit for all headers of a request is 16 KiB. */
export const MAX_ACCESS_TOKEN = 8_192

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/**
 * Takes JWT access tokens (RFC 9068) of authorization servers. Any fault of a token is 401; keys that can't be had are 503.
 *
 * ```ts
 * createJwtResolver({
 *   issuers: [{ issuer: 'https://auth.platform.com', audience: 'https://api.platform.com' }],
 *   claims: { workspace: 'org_id' }
 * })
 * ```
 *
 * @throws OptionError
 */
export function createJwtResolver (options: JwtResolverOptions): Resolver {
  checkOptions(jwtOptions, options, 'oauth')
  const { scheme = 'oauth', clockTolerance: tolerance = 5 } = options
  const issuers = new Map(options.issuers.map((one) => [one.issuer, trust(one, options)]))
  const [first = ''] = issuers.keys()
  if (issuers.size < options.issuers.length) throw new OptionError('option oauth.issuers names an issuer twice; state its audiences in one')
  return createTokenResolver({
    scheme,
    kind: 'access-token',
    description: describeScheme(options, { type: 'openIdConnect', openIdConnectUrl: openIdConfigurationUrl(first) }),
    maxLength: MAX_ACCESS_TOKEN
  }, {
    ...readTokenOptions(options, 60),
    mayClaim: (token) => token.startsWith('e'), // a header is an object, and `{` begins so in base64url
    claims: (token) => COMPACT.test(token),
    verify: (token, clock) => verifyAccessToken(token, clock, { issuers, tolerance })
  })
}

function trust (given: JwtIssuer, options: JwtResolverOptions): TrustedIssuer {
  const { issuer, audience, algorithms: allowed = usual, jwks, jwksUri } = given
  const { deadline = 5, cooldown = 10, keysMaxAge: maxAge = 600, partition = 'client-and-user' } = options
  if (jwks === undefined) checkAddress(options, jwksUri === undefined ? 'oauth.issuers.issuer' : 'oauth.issuers.jwksUri', jwksUri ?? issuer)
  const load = jwks === undefined ? createKeySetLoader({ issuer, jwksUri, deadline, allows: addressRule(options) }) : async () => jwks
  return {
    audiences: new Set([audience].flat()),
    algorithms: allowed,
    keys: createIssuerKeys(load, { cooldown, maxAge }),
    principalOf: createPrincipalReader({
      issuer,
      claims: { ...options.claims, ...given.claims },
      environment: given.environment ?? options.environment ?? 'production',
      partition
    })
  }
}

function isKeySet (value: unknown): boolean {
  try {
    Reflect.apply(createLocalJWKSet, undefined, [value])
    return true
  } catch {
    return false
  }
}
