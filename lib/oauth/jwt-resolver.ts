import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { Type } from '@sinclair/typebox'
import type { Resolver } from '../auth/index.js'
import type { Clock } from '../core/clock.js'
import { accepted, checkOptions, OptionError } from '../core/options.js'
import { createJwksLoader, openIdConfigurationUrl } from './discovery.js'
import { checkIssuerUrl, isIssuerUrl, urlSchema } from './issuer-url.js'
import { createJwks } from './jwks.js'
import { describeScheme, jwtClaimsSchema, readTokenOptions, tokenSchema, type TokenOptions } from './token-options.js'
import { createPrincipalReader } from './token-principal.js'
import { createProfileReader, type JwtClaimMap, type Profile } from './token-profile.js'
import { createTokenResolver } from './token-resolver.js'
import { verifyAccessToken, type TrustedIssuer } from './verify-access-token.js'

const algorithms = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'
] as const

/** Signature algorithms of access tokens (RFC 7518 §3.1, RFC 8037): asymmetric ones only. */
export type Algorithm = typeof algorithms[number]

/** An authorization server whose tokens are accepted. */
export interface JwtIssuer {
  /** Exactly as in the claim `iss`. */
  issuer: string
  /** This API, as in the claim `aud`; one of several. */
  audience: string | readonly string[]
  /** RS256, PS256, ES256 and Ed25519 (as EdDSA too) by default. */
  algorithms?: readonly Algorithm[] | undefined
  /** URL of its JWKS; by discovery (RFC 8414, OpenID Connect) where left out. */
  jwksUri?: string | undefined
  /** Its JWKS itself (RFC 7517 §5); then nothing is requested. */
  jwks?: JSONWebKeySet | undefined
  /**
   * `lenient` for an issuer that does not follow RFC 9068, which is the default: `typ` may be `JWT` or missing, and
   * `jti` too. `claims` then say where the client, the scopes and the audience are. ID tokens are refused.
   */
  profile?: Profile | undefined
  /** Added to `claims` of the resolver, for this issuer; `client` and `audience` with `profile: 'lenient'` alone. */
  claims?: JwtClaimMap | undefined
  /** Instead of `environment` of the resolver, for this issuer. */
  environment?: string | undefined
}

/** Options of `createJwtResolver`. */
export interface JwtResolverOptions extends TokenOptions {
  /** The authorization servers whose tokens are accepted. */
  issuers: readonly JwtIssuer[]
  /** Seconds that clocks may differ, for `iat` and `nbf`; 5 by default, at most 60. `exp` is exact. */
  clockTolerance?: number | undefined
  /** Seconds between two attempts to load the JWKS of an issuer, whatever tokens name; 10 by default. */
  cooldown?: number | undefined
  /**
   * Seconds after which neither a JWKS nor a token that was verified by it is used unless the JWKS was loaded again;
   * 600 by default. While the issuer does not answer, its known signing keys stay in use, for a day at most.
   */
  jwksMaxAge?: number | undefined
}

const usual: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']
const text = Type.String({ minLength: 1 })
const algorithm = Type.Union(algorithms.map((one) => Type.Literal(one)), {
  description: `one of ${algorithms.join(', ')}`
})

const jwtSchema = Type.Object({
  ...tokenSchema,
  issuers: Type.Array(Type.Object({
    issuer: urlSchema('the URL of an issuer'),
    audience: Type.Union([text, Type.Array(text, { minItems: 1 })], {
      description: 'the audience of this API, or an array of them'
    }),
    algorithms: Type.Optional(Type.Array(algorithm, {
      minItems: 1, description: 'an array with at least one algorithm'
    })),
    jwksUri: Type.Optional(urlSchema('a URL')),
    jwks: Type.Optional(accepted(isJwks, 'a JSON Web Key Set: { keys: [...] }')),
    profile: Type.Optional(Type.Union([Type.Literal('rfc9068'), Type.Literal('lenient')], {
      description: '\'rfc9068\' or \'lenient\''
    })),
    claims: jwtClaimsSchema,
    environment: Type.Optional(text)
  }, { additionalProperties: false }), { minItems: 1, description: 'an array with at least one { issuer, audience }' }),
  clockTolerance: Type.Optional(Type.Number({ minimum: 0, maximum: 60, description: 'seconds from 0 to 60' })),
  cooldown: Type.Optional(Type.Number({ minimum: 1, maximum: 300, description: 'seconds from 1 to 300' })),
  jwksMaxAge: Type.Optional(Type.Number({ minimum: 1, maximum: 86_400, description: 'seconds from 1 to 86400' }))
}, { additionalProperties: false })

/** The most characters of an access token; Node allows 16 KiB for all headers of a request. */
export const MAX_ACCESS_TOKEN = 8_192

/** A JWS in compact serialization (RFC 7515 §7.1). Its header is a JSON object: `{` begins with `e` in base64url. */
const COMPACT_JWS = { prefix: 'e', pattern: /^[\w-]+\.[\w-]+\.[\w-]*$/ }

/** The tokens of some issuers. */
export interface JwtResolver extends Resolver {
  /**
   * Loads the signing keys of all issuers, so that the first token need not wait. Never rejects: without it, or where
   * an issuer is down, the first token loads them.
   * @returns the issuers whose signing keys could not be loaded
   */
  ready (clock?: Clock): Promise<readonly string[]>
}

/**
 * Accepts JWT access tokens (RFC 9068) of authorization servers. Any fault of a token is 401; a JWKS that can't be
 * loaded is 503.
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
export function createJwtResolver (options: JwtResolverOptions): JwtResolver {
  checkOptions(jwtSchema, options, 'oauth')
  const { scheme = 'oauth', clockTolerance: tolerance = 5 } = options
  const issuers = new Map<unknown, TrustedIssuer>(options.issuers.map((one) => [one.issuer, trust(one, options)]))
  if (issuers.size < options.issuers.length) {
    throw new OptionError('option oauth.issuers names an issuer twice; write its audiences in one entry')
  }
  const [openIdConnectUrl] = options.issuers.map(({ issuer }) => openIdConfigurationUrl(issuer))
  const resolver = createTokenResolver({
    scheme,
    kind: 'access-token',
    description: describeScheme(options, { type: 'openIdConnect', openIdConnectUrl }),
    maxLength: MAX_ACCESS_TOKEN
  }, {
    ...readTokenOptions(options, 60),
    form: COMPACT_JWS,
    verify: (token, clock) => verifyAccessToken(token, clock, { issuers, tolerance })
  })
  return {
    ...resolver,
    async ready (clock = Date.now) {
      const loaded = await Promise.all([...issuers.values()].map(({ jwks }) => jwks.load(clock)))
      return options.issuers.map(({ issuer }) => issuer).filter((_issuer, i) => loaded[i] !== true)
    }
  }
}

function trust (given: JwtIssuer, options: JwtResolverOptions): TrustedIssuer {
  const { issuer, audience, algorithms: allowed = usual, jwks, jwksUri, profile = 'rfc9068' } = given
  const { deadline = 5, cooldown = 10, jwksMaxAge: maxAge = 600, partition = 'client-and-user' } = options
  const claims = { ...options.claims, ...given.claims }
  if (profile === 'rfc9068' && (claims.client !== undefined || claims.audience !== undefined)) {
    throw new OptionError('option oauth.issuers.claims names client or audience, which stand in client_id and aud by ' +
      'RFC 9068; write profile: \'lenient\' for an issuer that does otherwise')
  }
  const isAllowed = (url: string): boolean => isIssuerUrl(url, options)
  const source = jwksUri === undefined ? 'issuer' : 'jwksUri'
  if (jwks === undefined) checkIssuerUrl(jwksUri ?? issuer, `oauth.issuers.${source}`, options)
  const load = jwks === undefined ? createJwksLoader({ issuer, jwksUri, deadline, isAllowed }) : async () => jwks
  return {
    audiences: new Set([audience].flat()),
    algorithms: allowed,
    jwks: createJwks(load, { cooldown, maxAge }),
    profile: createProfileReader(profile, claims),
    principalOf: createPrincipalReader({
      issuer,
      claims,
      environment: given.environment ?? options.environment ?? 'production',
      partition
    })
  }
}

function isJwks (value: unknown): boolean {
  try {
    Reflect.apply(createLocalJWKSet, undefined, [value])
    return true
  } catch {
    return false
  }
}
