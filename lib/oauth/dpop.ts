import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose'
import type { FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { InvalidCredential } from '../auth/index.js'
import { withMethods } from '../core/options.js'
import type { Clock } from '../core/clock.js'
import { addressOf } from './issuer-url.js'
import { createNonces } from './nonce.js'
import { isName } from './principal.js'
import { createMemoryReplayStore, type ReplayStore } from './replay.js'

export interface DpopOptions {
  /** Algorithms of proofs; ES256, PS256, RS256 and Ed25519 (as EdDSA too) by default. */
  algorithms?: ReadonlyArray<typeof known[number]> | undefined
  /**
   * Scheme, host and port that callers ask, such as `https://api.platform.com`. Where left out, the request's own scheme and
   * `Host` are taken, so that who passes on a proof for another host need only name that: state it.
   */
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
  readonly clock: Clock
}

export interface BoundTokens {
  readonly algorithms: readonly string[]
  /**
   * A proof that was found good stands for its request as long as that lasts, however often it is asked for.
   * @throws InvalidCredential when the request does not prove that its sender holds the key; anything else is an outage
   */
  check (request: FastifyRequest, expected: Expected): Promise<void>
}

/** What was asked for. */
interface Target { readonly method: string, readonly address: string | undefined }

/** What a request has shown, and what became of it. */
interface Shown { readonly what: string, readonly checked: Promise<void> }

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
  const shown = new WeakMap<object, Shown>()

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

  async function examine (text: string, { method, address }: Target, { jkt, ath, clock }: Expected): Promise<void> {
    const { claims, jkt: holder } = await read(text, clock())
    const now = clock()
    const { htm, htu, iat, jti } = claims
    if (htm !== method) refuse('is for another method')
    if (address === undefined || addressOf(htu) !== address) refuse('is for another address')
    if (claims.ath !== ath) refuse('is for another token')
    if (holder !== jkt) refuse('is of another key')
    if (typeof iat !== 'number' || Math.abs(now - iat * 1000) > maxAge * 1000) refuse('is not of now')
    if (!isName(jti) || jti.length > 256) refuse('has no jti')
    if (nonces !== undefined && !nonces.isGood(claims.nonce, now)) {
      throw new InvalidCredential('DPoP proof: needs a nonce of this API', undefined, { error: 'use_dpop_nonce', headers: { 'dpop-nonce': nonces.issue(now) } })
    }
    if (!await replay.use(`${jkt} ${jti}`, (iat + maxAge) * 1000 + 1, now)) refuse('was used before')
  }

  return {
    algorithms,
    async check (request, expected) {
      const text = proofOf(request) ?? refuse('is missing, or there are several')
      const target = targetOf(request, origin)
      const what = [text, expected.ath, expected.jkt, target.method, target.address].join(' ')
      const before = shown.get(request.raw)
      if (before?.what === what) return await before.checked
      const checked = examine(text, target, expected)
      shown.set(request.raw, { what, checked })
      await checked.catch((fault: unknown) => {
        shown.delete(request.raw)
        throw fault
      })
    }
  }
}

/** The one header line; Node joins several by a comma, which no proof has. */
function proofOf ({ headers: { dpop } }: FastifyRequest): string | undefined {
  return typeof dpop === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(dpop) ? dpop : undefined
}

function targetOf ({ method, protocol, host, originalUrl }: FastifyRequest, origin = `${protocol}://${host}`): Target {
  return { method, address: originalUrl.startsWith('/') ? addressOf(origin + originalUrl.replace(/[?#].*/s, '')) : undefined }
}
