import type { JSONWebKeySet } from 'jose'
import { fetchJson, IssuerUnavailable, type Json } from './issuer-http.js'

export interface JwksLocation {
  readonly issuer: string
  /** By discovery where left out. */
  readonly jwksUri: string | undefined
  /** Seconds for each request. */
  readonly deadline: number
  /** Whether a URL may be requested. */
  readonly isAllowed: (url: string) => boolean
}

/**
 * Loads the JWKS of an issuer, whose URL comes by RFC 8414 or OpenID Connect Discovery unless it is given. It is
 * discovered with each load: an issuer may move its JWKS while the old URL goes on answering.
 */
export function createJwksLoader (location: JwksLocation): () => Promise<JSONWebKeySet> {
  const { issuer, jwksUri, deadline, isAllowed } = location

  async function discover (): Promise<string> {
    const metadata = await fetchJson({ url: authorizationServerUrl(issuer), deadline })
      .catch(() => fetchJson({ url: openIdConfigurationUrl(issuer), deadline }))
    return readMetadata(metadata)
  }

  /** RFC 8414 §3.3: metadata of another issuer must not be used. */
  function readMetadata ({ issuer: named, jwks_uri: uri }: Json): string {
    if (named !== issuer) throw new IssuerUnavailable('ISSUER_DIFFERS')
    if (typeof uri !== 'string' || !isAllowed(uri)) throw new IssuerUnavailable('NO_JWKS_URI')
    return uri
  }

  return async function load () {
    const set = await fetchJson({ url: jwksUri ?? await discover(), deadline })
    if (isJwks(set)) return set
    throw new IssuerUnavailable('NOT_A_JWKS')
  }
}

function isJwks (value: Json): value is Json & JSONWebKeySet {
  return Array.isArray(value.keys)
}

/** RFC 8414 §3.1: the well-known part goes between host and path. */
function authorizationServerUrl (issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`
}

/** OpenID Connect Discovery 1.0 §4: it goes to the end. */
export function openIdConfigurationUrl (issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}
