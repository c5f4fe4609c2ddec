import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose'
import type { FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { InvalidCredential } from '../auth/index.js'
import { withMethods } from '../core/options.js'
import type { Clock } from '../core/clock.js'
import { isText } from './claims.js'
import { createNonces } from './dpop-nonce.js'
import { normalizeUrl } from './dpop-url.js'
import { createMemoryReplayStore, type ReplayStore } from './replay.js'

const known = [
  'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512', 'EdDSA', 'Ed25519'
] as const
const usual = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const

/** Options for proofs of possession (RFC 9449). */
export interface DpopOptions {
  /** Signature algorithms of proofs; ES256, PS256, RS256 and Ed25519 (as EdDSA too) by default. */
  algorithms?: ReadonlyArray<typeof known[number]> | undefined
  /**
   * Scheme, host and port that callers request, such as `https://api.platform.com`. Write it: without it, scheme and
   * `Host` of the request are compared with the proof, and an attacker who passes on a proof for another host can send
   * that host's name.
   */
  origin?: string | undefined
  /** Seconds that a proof is good before and after its `iat`; 60 by default. */
  maxAge?: number | undefined
  /**
   * Proofs must carry a nonce of this API (RFC 9449 §9). `secret` is shared by its processes, one of this process by
   * default; `life` is in seconds, 300 by default.
   */
  nonce?: { secret?: string | undefined, life?: number | undefined } | undefined
  /** Remembers used proofs; this process's memory by default. */
  replay?: ReplayStore | undefined
}

/** What a proof must fit. */
export interface ExpectedProof {
  /** Thumbprint of the JWK that the token is bound to. */
  readonly jkt: string
  /** SHA-256 of the token in base64url. */
  readonly ath: string
  readonly clock: Clock
}

export interface DpopVerifier {
  readonly algorithms: readonly string[]
  /**
   * A proof that was found good stays good for its request, however often that is authenticated.
   * @throws InvalidCredential when the request does not prove possession; anything else is an outage
   */
  check (request: FastifyRequest, expected: ExpectedProof): Promise<void>
}

interface Target { readonly method: string, readonly url: string | undefined }
interface CheckedProof { readonly subject: string, readonly result: Promise<void> }

const algorithm = Type.Union(known.map((one) => Type.Literal(one)))
const nonceSchema = Type.Object({
  secret: Type.Optional(Type.String({ minLength: 32 })),
  life: Type.Optional(Type.Number({ minimum: 1, maximum: 3_600 }))
}, { additionalProperties: false })

export const dpopSchema = Type.Optional(Type.Union([
  Type.Literal(true),
  Type.Object({
    algorithms: Type.Optional(Type.Array(algorithm, { minItems: 1 })),
    origin: Type.Optional(Type.String({ pattern: '^https?://[^\\s/?#@]+$' })),
    maxAge: Type.Optional(Type.Number({ minimum: 1, maximum: 300 })),
    nonce: Type.Optional(nonceSchema),
    replay: Type.Optional(withMethods(['use'], 'a replay store: an object with use(proof, until, now, holder)'))
  }, { additionalProperties: false })
], { description: 'true or { algorithms?, origin?, maxAge?, nonce?: { secret?, life? }, replay? }' }))

/** Checks proofs of possession in full: RFC 9449 §4.3 and §7.1. */
export function createDpopVerifier (options: DpopOptions): DpopVerifier {
  const { algorithms = usual, origin, maxAge = 60, nonce, replay = createMemoryReplayStore() } = options
  const nonces = nonce === undefined ? undefined : createNonces(nonce.secret, nonce.life ?? 300)
  const checked = new WeakMap<object, CheckedProof>()

  /** Verifies by the public JWK in the header of the proof; jose refuses private ones. */
  async function verify (proof: string, now: number): Promise<{ readonly claims: JWTPayload, readonly jkt: string }> {
    const options = { typ: 'dpop+jwt', algorithms: [...algorithms], currentDate: new Date(now) }
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, options)
      const { jwk = {} } = protectedHeader
      return { claims: payload, jkt: await calculateJwkThumbprint(jwk) }
    } catch {
      return refuse('has no good signature by the JWK in its header')
    }
  }

  async function checkProof (proof: string, { method, url }: Target, expected: ExpectedProof): Promise<void> {
    const { jkt, ath, clock } = expected
    const { claims, jkt: signedBy } = await verify(proof, clock())
    const now = clock()
    const { htm, htu, iat, jti } = claims
    if (htm !== method) refuse('is for another method')
    if (url === undefined || normalizeUrl(htu) !== url) refuse('is for another URL')
    if (claims.ath !== ath) refuse('is for another token')
    if (signedBy !== jkt) refuse('is signed by another JWK')
    if (typeof iat !== 'number' || Math.abs(now - iat * 1000) > maxAge * 1000) refuse('is not of now')
    if (!isText(jti) || jti.length > 256) refuse('has no jti')
    if (nonces !== undefined && !nonces.isGood(claims.nonce, now)) {
      const fault = { error: 'use_dpop_nonce', headers: { 'dpop-nonce': nonces.issue(now) } } as const
      throw new InvalidCredential('DPoP proof: needs a nonce of this API', undefined, fault)
    }
    if (!await replay.use(`${jkt} ${jti}`, (iat + maxAge) * 1000 + 1, now, jkt)) refuse('was used before')
  }

  return {
    algorithms,
    async check (request, expected) {
      const proof = proofOf(request) ?? refuse('is missing, or there are several')
      const target = targetOf(request, origin)
      const subject = [proof, expected.ath, expected.jkt, target.method, target.url].join(' ')
      const before = checked.get(request.raw)
      if (before?.subject === subject) return await before.result
      const result = checkProof(proof, target, expected)
      checked.set(request.raw, { subject, result })
      await result.catch((fault: unknown) => {
        checked.delete(request.raw)
        throw fault
      })
    }
  }
}

function refuse (reason: string): never {
  throw new InvalidCredential(`DPoP proof: ${reason}`, undefined, { error: 'invalid_dpop_proof' })
}

/** The one header line; Node joins several by a comma, which no proof has. */
function proofOf ({ headers: { dpop } }: FastifyRequest): string | undefined {
  return typeof dpop === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(dpop) ? dpop : undefined
}

function targetOf ({ method, protocol, host, originalUrl }: FastifyRequest, origin = `${protocol}://${host}`): Target {
  const isPath = originalUrl.startsWith('/')
  return { method, url: isPath ? normalizeUrl(origin + originalUrl.replace(/[?#].*/s, '')) : undefined }
}
