import { Type } from '@sinclair/typebox'
import { InvalidCredential, type Resolver } from '../auth/index.js'
import { isName } from '../core/name.js'
import { checkOptions } from '../core/options.js'
import { checkAudience, isTime, readThumbprint } from './claims.js'
import { fetchJson, IssuerUnavailable, type Json } from './issuer-http.js'
import { checkIssuerUrl, urlSchema } from './issuer-url.js'
import { MAX_ACCESS_TOKEN } from './jwt-resolver.js'
import { describeScheme, readTokenOptions, tokenSchema, type TokenOptions } from './token-options.js'
import { createPrincipalReader, type TokenHolder } from './token-principal.js'
import { createTokenResolver } from './token-resolver.js'

/** The credentials of this API at the authorization server (RFC 7662 §2.1, RFC 6749 §2.3.1). */
export interface IntrospectionClient {
  id: string
  secret: string
  /** `basic` (client_secret_basic) by default, or `post` (client_secret_post). */
  method?: 'basic' | 'post' | undefined
}

/** Options of `createIntrospectionResolver`. */
export interface IntrospectionResolverOptions extends TokenOptions {
  /** As in the member `iss` of answers, where they have one; part of the ids of principals. */
  issuer: string
  /** URL of the introspection endpoint. */
  endpoint: string
  client: IntrospectionClient
  /**
   * This API, as in the member `aud`; one of several. `false` where answers have no `aud`: tokens for every API are
   * accepted, and answers must have a `token_type`.
   */
  audience: string | readonly string[] | false
}

const text = Type.String({ minLength: 1 })

const introspectionSchema = Type.Object({
  ...tokenSchema,
  issuer: urlSchema('the URL of an issuer'),
  endpoint: urlSchema('a URL'),
  client: Type.Object({
    id: text,
    secret: text,
    method: Type.Optional(Type.Union([Type.Literal('basic'), Type.Literal('post')], {
      description: '\'basic\' or \'post\''
    }))
  }, { additionalProperties: false, description: '{ id, secret, method? }' }),
  audience: Type.Union([text, Type.Array(text, { minItems: 1 }), Type.Literal(false)], {
    description: 'the audience of this API, an array of them or false'
  })
}, { additionalProperties: false })

/**
 * Accepts the opaque access tokens of an authorization server by asking it (RFC 7662). A token that is not active is
 * 401; when the server does not answer, or `active` is no boolean, requests get 503. A revoked token is noticed
 * `cache.maxAge` seconds after it was last asked about, 10 by default; with `cache: false`, at once.
 *
 * It takes any text for a token, so it must be asked last: `latchkey` sees to that.
 *
 * ```ts
 * createIntrospectionResolver({
 *   issuer: 'https://auth.platform.com',
 *   endpoint: 'https://auth.platform.com/introspect',
 *   client: { id: 'devices-api', secret: process.env.CLIENT_SECRET },
 *   audience: 'https://api.platform.com'
 * })
 * ```
 *
 * @throws OptionError
 */
export function createIntrospectionResolver (options: IntrospectionResolverOptions): Resolver {
  checkOptions(introspectionSchema, options, 'oauth')
  checkIssuerUrl(options.endpoint, 'oauth.endpoint', options)
  const { issuer, audience, scheme = 'oauth' } = options
  const { environment = 'production', partition = 'client-and-user', claims = {} } = options
  const audiences = audience === false ? undefined : new Set([audience].flat())
  const principalOf = createPrincipalReader({ issuer, claims, environment, partition })
  const description = 'OAuth 2.0 access token: `Authorization: Bearer <token>`.'

  return createTokenResolver({
    scheme,
    kind: 'access-token',
    description: describeScheme(options, { type: 'http', scheme: 'bearer', description }),
    maxLength: MAX_ACCESS_TOKEN,
    anyForm: true
  }, {
    ...readTokenOptions(options, 10),
    form: undefined,
    async verify (token, clock) {
      const answer = await introspect(token, options)
      const holder = readAnswer(answer, { issuer, audiences, now: clock() })
      const principal = principalOf(answer, holder)
      return { principal, expiresAt: holder.expiresAt, jkt: readThumbprint(answer), verifyAgainAt: undefined }
    }
  })
}

async function introspect (token: string, options: IntrospectionResolverOptions): Promise<Json> {
  const { endpoint: url, client, deadline = 5 } = options
  const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
  if (client.method !== 'post') {
    return await fetchJson({ url, deadline, form, headers: { authorization: basic(client) } })
  }
  form.set('client_id', client.id)
  form.set('client_secret', client.secret)
  return await fetchJson({ url, deadline, form })
}

interface ExpectedAnswer {
  readonly issuer: string
  readonly audiences: ReadonlySet<string> | undefined
  readonly now: number
}

/** Seconds that clocks may differ, for `nbf`. */
const TOLERANCE_MS = 5_000

/**
 * A token acts for its `sub`, and for its client where it has none. `username` is for people to read (RFC 7662 §2.2)
 * and may be given to another user, so it names nobody.
 */
function readAnswer (answer: Json, { issuer, audiences, now }: ExpectedAnswer): TokenHolder {
  const { active, iss = issuer, aud, exp, nbf = 0 } = answer
  const { client_id: client, username, sub } = answer
  if (typeof active !== 'boolean') throw new IssuerUnavailable('ACTIVE_NOT_BOOLEAN')
  if (!active) throw new InvalidCredential('not active')
  if (iss !== issuer) throw new InvalidCredential('of another issuer')
  if (!isAccessToken(answer, audiences !== undefined)) throw new InvalidCredential('not an access token')
  if (audiences !== undefined) checkAudience(aud, audiences)
  if (exp !== undefined && (!isTime(exp) || now >= exp * 1000)) throw new InvalidCredential('expired')
  if (!isTime(nbf) || nbf * 1000 > now + TOLERANCE_MS) throw new InvalidCredential('not valid yet')
  const subject = sub === undefined ? client : sub
  if (!isName(client) || !isName(subject)) throw new InvalidCredential('has no good client_id or sub')
  if (sub === undefined && username !== undefined && username !== null) {
    throw new InvalidCredential('acts for a user whom it does not name by sub')
  }
  return { client, subject, expiresAt: exp === undefined ? undefined : exp * 1000 }
}

const TYPES: ReadonlySet<unknown> = new Set(['bearer', 'dpop'])

/**
 * A refresh token is active too. Its answer has another type, or none; without a type, which RFC 7662 §2.2 allows, its
 * audience or `token_use` must distinguish it from an access token.
 */
function isAccessToken ({ token_type: type, token_use: use }: Json, hasAudience: boolean): boolean {
  if (use !== undefined && use !== 'access_token') return false
  if (type === undefined) return hasAudience || use !== undefined
  return typeof type === 'string' && TYPES.has(type.toLowerCase())
}

/** RFC 6749 §2.3.1: both parts as a form encodes them. */
function basic ({ id, secret }: IntrospectionClient): string {
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`
}

function formEncode (text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2)
}
