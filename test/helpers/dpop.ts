import { hash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { allowPlainHttp, type LatchkeyOptions } from 'fastify-latchkey'
import { createJwtResolver, type DpopOptions, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { AUDIENCE, createAuthority, createPair, forge, guarded, type Authority, type Claims } from './oauth.js'

export const ALGS = 'ES256 PS256 RS256 EdDSA Ed25519'

/** The challenges of a refused proof, or of a refused token that came as DPoP. */
export const invalid = (error: string) => `Bearer realm="api", DPoP realm="api", error="${error}", algs="${ALGS}"`

/** A holder of a token that is bound to its JWK, and proofs of that. */
export async function createHolder (authority: Authority, app: FastifyInstance) {
  const holder = await createPair()
  const jwk = await exportJWK(holder.publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  const token = await authority.issue({ cnf: { jkt } })

  const claimsOf = (over: Claims = {}): Claims => ({
    htm: 'GET', htu: 'http://api.example.com/devices', iat: Math.floor(authority.clock.now() / 1000), jti: randomUUID(), ath: hash('sha256', token, 'base64url'), ...over
  })
  const prove = (over: Claims = {}, header: Claims = {}) => forge(holder.privateKey, { typ: 'dpop+jwt', jwk, ...header }, claimsOf(over))
  const send = async (dpop: string | string[] | undefined, authorization = `DPoP ${token}`, url = '/devices', host = 'api.example.com'): Promise<LightMyRequestResponse> =>
    await app.inject({ url, headers: { host, authorization, ...dpop !== undefined && { dpop } } })
  return { token, holder, jwk, jkt, claimsOf, prove, send }
}

/** An app that accepts bound tokens, and a holder of one. */
export async function startBound (t: Test, dpop: true | DpopOptions | false = true, options: Partial<LatchkeyOptions> = {}, routes?: (app: FastifyInstance) => void, over: Partial<JwtResolverOptions> = {}) {
  const authority = await createAuthority(t)
  const resolver = createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp, dpop: dpop === false ? undefined : dpop, ...over })
  const { app, log } = await guarded(t, authority, [resolver], options, routes)
  return { authority, app, log, resolver, ...await createHolder(authority, app) }
}
