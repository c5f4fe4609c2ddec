import type { FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { withMethods } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { Emitter } from '../events/index.js'
import type { Ruling } from './decide.js'
import { profileOptions, type ProfileOptions } from './profiles.js'
import type { LimitStore, PolicyOutcome } from './store.js'

/** What was decided about one request. */
export interface Decision {
  readonly outcome: Ruling['outcome']
  /** Null for a caller without a credential. */
  readonly principal: Principal | null
  /** What a caller without a credential is counted by. */
  readonly address: string | undefined
  readonly cost: number
  readonly policies: readonly PolicyOutcome[]
  /** The request was let in whatever the outcome is. */
  readonly dryRun: boolean
}

export type OnDecision = (decision: Decision, request: FastifyRequest) => void | Promise<void>

export interface LimitsOptions extends ProfileOptions {
  /** Where counters live; this process's memory by default. */
  store?: LimitStore | undefined
  /** Counters that the memory store keeps at most; 1,000,000 by default. */
  maxPartitions?: number | undefined
  /** Seconds that the store may take before the request gets 503; 0.1 by default. */
  deadline?: number | undefined
  /** Decides and reports through `onDecision`, and refuses nothing: no 429, no 503, no RateLimit fields. */
  dryRun?: boolean | undefined
  /** Called with every decision; the request does not wait. What it throws is logged and changes nothing. */
  onDecision?: OnDecision | undefined
}

/** Options of the `limits` plugin by itself. */
export interface LimitsPluginOptions extends LimitsOptions {
  /** What `createEvents` returned, for `limit.exceeded`. */
  events?: Emitter | undefined
}

const limitsFields = {
  ...profileOptions,
  store: Type.Optional(withMethods(['take'], 'a limit store: an object with take(take)')),
  maxPartitions: Type.Optional(Type.Integer({
    minimum: 1, maximum: 16_000_000, description: 'a whole number from 1 to 16,000,000'
  })),
  deadline: Type.Optional(Type.Number({
    exclusiveMinimum: 0, maximum: 60, description: 'seconds above 0 and at most 60'
  })),
  dryRun: Type.Optional(Type.Boolean({ description: 'true or false' })),
  onDecision: Type.Optional(Type.Function([], Type.Unknown(), {
    description: 'a function of the decision and the request'
  }))
}

export const limitsSchema = Type.Object(limitsFields, {
  additionalProperties: false, description: 'an object, or false for no limits'
})
