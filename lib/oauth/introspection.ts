import { Type } from '@sinclair/typebox'
import { InvalidCredential, type Resolver } from '../auth/index.js'
import { checkOptions } from '../core/options.js'
import { MAX_ACCESS_TOKEN } from './jwt.js'
import { checkAddress, describeScheme, readTokenOptions, tokenOptions, url, type TokenOptions } from './options.js'
import { createPrincipalReader, isName, type Holder } from './principal.js'
import { fetchJson, IssuerUnavailable, type Json } from './issuer-http.js'
import { createTokenResolver } from './token.js'
import { bindingOf, isTime } from './verify.js'

/** How this API shows the authorization server who it is. */
export interface IntrospectionClient {
  id: string
  secret: string
  /** `basic` (client_secret_basic) by default, or `post` (client_secret_post). */
  method?: 'basic' | 'post' | undefined
}

export interface IntrospectionResolverOptions extends TokenOptions {
  /** As in the member `iss` of answers, where they have one; also what ids are made of. */
  issuer: string
  /** Of the introspection endpoint. */
  endpoint: string
  client: IntrospectionClient
  /** This API, as in the member `aud`; one of several. `false` where the server says no audience: all of its tokens are then taken. */
  audience: string | readonly string[] | false
}

const text = Type.String({ minLength: 1 })

const introspectionOptions = Type.Object({
  ...tokenOptions,
  issuer: url('the URL of an issuer'),
  endpoint: url('a URL'),
  client: Type.Object({
    id: text, secret: text, method: Type.Optional(Type.Union([Type.Literal('basic'), Type.Literal('post')], { description: '\'basic\' or \'post\'' }))
  }, { additionalProperties: false, description: '{ id, secret, method? }' }),
  audience: Type.Union([text, Type.Array(text, { minItems: 1 }), Type.Literal(false)], { description: 'the audience of this API, an array of them or false' })
}, { additionalProperties: false })

/**
 * Takes the opaque access tokens of an authorization server by asking it (RFC 7662). A token that it does not call
 * active is 401; an answer that can't be had, or whose `active` is no boolean, is 503. A revoked token is noticed
 * `cache.maxAge` seconds after it was last asked about, 10 by default; with `cache: false`, at once.
 *
 * It takes any text for a token, so it is asked last: `latchkey` sees to that, who composes by hand has to.
 *
 * @throws OptionError
 */
export function createIntrospectionResolver (options: IntrospectionResolverOptions): Resolver {
  checkOptions(introspectionOptions, options, 'oauth')
  checkAddress(options, 'oauth.endpoint', options.endpoint)
  const { issuer, endpoint, client, audience, deadline = 5, scheme = 'oauth', environment = 'production', partition = 'client-and-user', claims = {} } = options
  const audiences = audience === false ? undefined : new Set([audience].flat())
  const principalOf = createPrincipalReader({ issuer, claims, environment, partition })
  const terms = readTokenOptions(options, 10)

  async function ask (token: string): Promise<Json> {
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
    if (client.method !== 'post') return await fetchJson({ url: endpoint, deadline, form, headers: { authorization: basic(client) } })
    form.set('client_id', client.id)
    form.set('client_secret', client.secret)
    return await fetchJson({ url: endpoint, deadline, form })
  }

  /**
   * A refresh token is active too, and its answer says another type, or none. Who it acts for is its `sub`, and its client
   * where it has none; `username` is for people to read (RFC 7662 §2.2), can be given to another, and names nobody.
   */
  function check (answer: Json, now: number): Holder {
    const { active, token_type: type, token_use: use = 'access_token', iss = issuer, aud, exp, nbf = 0, client_id: client, username, sub } = answer
    if (typeof active !== 'boolean') throw new IssuerUnavailable('ACTIVE_NOT_BOOLEAN')
    if (!active) throw new InvalidCredential('not active')
    if (iss !== issuer) throw new InvalidCredential('of another issuer')
    if (typeof type !== 'string' || !TYPES.has(type.toLowerCase()) || use !== 'access_token') throw new InvalidCredential('not an access token')
    if (audiences !== undefined && ![aud].flat().some((one) => typeof one === 'string' && audiences.has(one))) throw new InvalidCredential('for another audience')
    if (exp !== undefined && (!isTime(exp) || now >= exp * 1000)) throw new InvalidCredential('expired')
    if (!isTime(nbf) || nbf * 1000 > now + 5_000) throw new InvalidCredential('not valid yet')
    const subject = sub === undefined ? client : sub
    if (!isName(client) || !isName(subject)) throw new InvalidCredential('lacks client_id or sub')
    if (sub === undefined && username !== undefined && username !== null) throw new InvalidCredential('acts for a user whom it does not name by sub')
    return { client, subject, expiresAt: exp === undefined ? undefined : exp * 1000 }
  }

  return createTokenResolver({
    scheme,
    kind: 'access-token',
    description: describeScheme(options, { type: 'http', scheme: 'bearer', description: 'OAuth 2.0 access token: `Authorization: Bearer <token>`.' }),
    maxLength: MAX_ACCESS_TOKEN,
    anyForm: true
  }, {
    ...terms,
    mayClaim: anyText,
    claims: anyText,
    async verify (token, clock) {
      const answer = await ask(token)
      const holder = check(answer, clock())
      return { principal: principalOf(answer, holder), expiresAt: holder.expiresAt, jkt: bindingOf(answer), until: undefined }
    }
  })
}

function anyText (): boolean {
  return true
}

const TYPES: ReadonlySet<string> = new Set(['bearer', 'dpop'])

/** RFC 6749 §2.3.1: both parts as a form encodes them. */
function basic ({ id, secret }: IntrospectionClient): string {
  return `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}`
}

function formEncode (text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2)
}
