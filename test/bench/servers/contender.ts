import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'

/** How large a contender is built: the credentials and routes that the load rotates over, the catalogue, the policies of a request. */
export const Shape = Type.Object({
  keys: Type.Integer({ minimum: 1 }),
  routes: Type.Integer({ minimum: 1 }),
  scopes: Type.Integer({ minimum: 1 }),
  policies: Type.Integer({ minimum: 1 })
})
export type Shape = Static<typeof Shape>

export interface Contender {
  readonly app: FastifyInstance
  /** Credentials that may do everything the load does. */
  readonly keys: readonly string[]
  /** A credential that exists and may do nothing; only a contender that guards has one. */
  readonly weak?: string
}

/** Every file beside this one exports one of these as `build`. */
export type Build = (shape: Shape) => Promise<Contender>

/** A quota that no load of the bench can use up. */
export const QUOTA = 1e9

/** Variable of the environment by which contenders find the bench's Redis; here, since they can't import what starts it. */
export const REDIS_PORT = 'LATCHKEY_BENCH_REDIS_PORT'
