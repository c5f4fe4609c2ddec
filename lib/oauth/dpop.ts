import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose'
import type { FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { InvalidCredential } from '../auth/index.js'
import { withMethods } from '../options.js'
import { createNonces } from './nonce.js'
import { createMemoryReplayStore, type ReplayStore } from './replay.js'

export interface DpopOptions {
  /** Algorithms of proofs; ES256, PS256, RS256 and Ed25519 (as EdDSA too) by default. */
  algorithms?: ReadonlyArray<typeof known[number]> | undefined
  /** Scheme, host and port that callers ask, such as `https://api.platform.com`; what the request says where left out. */
  origin?: string | undefined
  /** Seconds that a proof is good before and after its `iat`; 60 by default. */
  maxAge?: number | undefined
  /** Proofs must carry a nonce of this API; `secret` is shared by its processes, `life` in seconds (300 by default). */
  nonce?: { secret?: string | undefined, life?: number | undefined } | undefined
  /** Proofs that were used; this process's memory by default. */
  replay?: ReplayStore | undefined
}

/** What a proof is measured by. */
export interface Expected {
  readonly jkt: string
  /** SHA-256 of the token in base64url. */
  readonly ath: string
  readonly now: number
}

export interface BoundTokens {
  readonly algorithms: readonly string[]
  /** @throws InvalidCredential when the request does not prove that its sender holds the key; anything else is an outage */
  check (request: FastifyRequest, expected: Expected): Promise<void>
}

const known = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512', 'EdDSA', 'Ed25519'] as const

export const proofsOptions = Type.Optional(Type.Union([
  Type.Literal(true),
  Type.Object({
    algorithms: Type.Optional(Type.Array(Type.Union(known.map((one) => Type.Literal(one))), { minItems: 1 })),
    origin: Type.Optional(Type.String({ pattern: '^https?://[^\\s/?#@]+$' })),
    maxAge: Type.Optional(Type.Number({ minimum: 1, maximum: 300 })),
    nonce: Type.Optional(Type.Object({ secret: Type.Optional(Type.String({ minLength: 32 })), life: Type.Optional(Type.Number({ minimum: 1, maximum: 3_600 })) }, { additionalProperties: false })),
    replay: Type.Optional(withMethods(['use'], 'a replay store: an object with use(proof, until, now)'))
  }, { additionalProperties: false })
], { description: 'true or { algorithms?, origin?, maxAge?, nonce?: { secret?, life? }, replay? }' }))

/** Checks proofs of possession in full: RFC 9449 §4.3 and §7.1. */
export function createBoundTokens ({ algorithms = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'], origin, maxAge = 60, nonce, replay = createMemoryReplayStore() }: DpopOptions): BoundTokens {
  const nonces = nonce === undefined ? undefined : createNonces(nonce.secret, nonce.life ?? 300)

  function refuse (reason: string): never {
    throw new InvalidCredential(`DPoP proof: ${reason}`, undefined, { error: 'invalid_dpop_proof' })
  }

  /** By the public key that it brings itself; jose refuses private ones. */
  async function read (text: string, now: number): Promise<{ readonly claims: JWTPayload, readonly jkt: string }> {
    try {
      const { payload, protectedHeader } = await jwtVerify(text, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: [...algorithms], currentDate: new Date(now) })
      const { jwk = {} } = protectedHeader
      return { claims: payload, jkt: await calculateJwkThumbprint(jwk) }
    } catch {
      return refuse('is not a good signature of the key that it brings')
    }
  }

  return {
    algorithms,
    async check (request, { jkt, ath, now }) {
      const { claims, jkt: shown } = await read(proofOf(request) ?? refuse('is missing, or there are several'), now)
      const { htm, htu, iat, jti } = claims
      if (htm !== request.method) refuse('is for another method')
      if (addressOf(htu) !== addressOf(`${origin ?? `${request.protocol}://${request.host}`}${request.originalUrl}`, 'none')) refuse('is for another address')
      if (claims.ath !== ath) refuse('is for another token')
      if (shown !== jkt) refuse('is of another key')
      if (typeof iat !== 'number' || Math.abs(now - iat * 1000) > maxAge * 1000) refuse('is not of now')
      if (typeof jti !== 'string' || jti === '' || jti.length > 256) refuse('has no jti')
      if (nonces !== undefined && !nonces.isGood(claims.nonce, now)) {
        throw new InvalidCredential('DPoP proof: needs a nonce of this API', undefined, { error: 'use_dpop_nonce', headers: { 'dpop-nonce': nonces.issue(now) } })
      }
      if (!await replay.use(`${jkt} ${jti}`, (iat + maxAge) * 1000 + 1, now)) refuse('was used before')
    }
  }
}

/** The one header line; Node joins several by a comma, which no proof has. */
function proofOf ({ headers: { dpop } }: FastifyRequest): string | undefined {
  return typeof dpop === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(dpop) ? dpop : undefined
}

/** RFC 9449 §4.3: without query and fragment, after syntax- and scheme-based normalization. */
function addressOf (text: unknown, otherwise?: string): string | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return otherwise
  const { origin, pathname } = new URL(text)
  return origin + pathname
}
