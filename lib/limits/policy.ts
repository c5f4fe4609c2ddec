import { Type, type Static } from '@sinclair/typebox'
import { policyItem } from '../core/rate-limit-headers.js'
import { OptionError } from '../core/options.js'
import { callerOf, type Principal } from '../core/principal.js'
import { algorithms, fillTime, unitTime, type Algorithm, type Quota } from './algorithms.js'
import type { Caller } from './caller.js'

/** The largest Integer of a structured field (RFC 9651 §3.3.1), and so of the RateLimit fields. */
const MAX_QUOTA = 999_999_999_999_999

const quotaFields = {
  name: Type.String({
    pattern: '^[A-Za-z0-9_.:/-]{1,64}$', description: 'a name of 1 to 64 letters, digits, _ . : / or -'
  }),
  quota: Type.Integer({
    minimum: 0,
    maximum: MAX_QUOTA,
    description: 'a whole number of at least 0 (0 always refuses) and at most 15 digits'
  }),
  window: Type.Integer({
    minimum: 1, maximum: 31_622_400, description: 'whole seconds, at least 1 and at most a leap year'
  }),
  burst: Type.Optional(Type.Integer({
    minimum: 1, maximum: 1_000_000_000, description: 'a whole number from 1 to 1,000,000,000'
  })),
  sliding: Type.Optional(Type.Boolean({ description: 'true or false' }))
}

export const policySchema = Type.Object({
  ...quotaFields,
  partition: Type.Optional(Type.Union([Type.Literal('principal'), Type.Literal('workspace')], {
    description: '\'principal\' or \'workspace\''
  }))
}, { additionalProperties: false, description: '{ name, quota, window, burst?, sliding?, partition? }' })

export const addressPolicySchema = Type.Object(quotaFields, {
  additionalProperties: false, description: '{ name, quota, window, burst?, sliding? }, by address'
})

/**
 * A named quota: `quota` units in `window` seconds (`q` and `w` of draft-ietf-httpapi-ratelimit-headers).
 *
 * - by itself: a fixed window that opens with its first request; at most 2 × quota where two windows meet
 * - `burst`: a token bucket of `burst` units that fills at quota / window; at most burst + rate × W in any time W
 * - `sliding: true`: never more than quota in any window; a unit comes back up to a tenth of the window late
 *
 * The bounds hold for the time in which the clock went forward; a clock that steps back locks nobody out for longer.
 * `partition` selects what is counted together: each principal (default), or a workspace in an environment.
 */
export type Policy = Static<typeof policySchema>

/** A policy that counts addresses. */
export type AddressPolicy = Omit<Policy, 'partition'>

/** Policies that apply together: a request is counted by all of them or by none. An empty profile is unlimited. */
export type Profile = readonly Policy[]

/** A policy ready for use. Policies of equal name and numbers count together, also in different profiles. */
export interface CompiledPolicy extends Policy {
  readonly id: string
  /** The algorithm that decides it. */
  readonly kind: keyof typeof algorithms
  readonly algorithm: Algorithm
  readonly item: string
  /** The most units that one take can get. */
  readonly capacity: number
  partitionOf (caller: Caller): string
}

/** Microseconds, about a hundred years: with them instants are still exact in a double. */
const MAX_FILL_TIME = 3.2e15
/** The share of its rate that a bucket may lose by rounding the time of a unit to whole microseconds. */
const MAX_LOST_RATE = 0.01

/** @throws OptionError when the numbers do not make a limiter */
export function compilePolicy (policy: Policy): CompiledPolicy {
  return compile(policy, policy.partition ?? 'principal')
}

/** The same policy for callers without a credential. It has an id of its own, so no address counts as a principal. */
export function compileForAddresses ({ partition: _never, ...policy }: Policy): CompiledPolicy {
  return compile(policy, 'address')
}

function compile (policy: Policy, partition: keyof typeof partitions): CompiledPolicy {
  const { name, quota, window, burst, sliding = false } = policy
  if (burst !== undefined && sliding) {
    throw new OptionError(`policy ${name} has burst and sliding; ` +
      'a token bucket is one kind of limiter, a sliding window another')
  }
  if (burst !== undefined && quota > 0) checkBucket(name, { quota, window, capacity: burst })
  const kind = quota === 0 ? 'window' : burst !== undefined ? 'bucket' : sliding ? 'sliding' : 'window'
  return Object.freeze({
    ...policy,
    id: [name, kind, quota, window, burst ?? '', partition].join(';'),
    kind,
    algorithm: algorithms[kind],
    item: policyItem(name, quota, window),
    capacity: quota === 0 ? 0 : burst ?? quota,
    partitionOf: partitions[partition]
  })
}

function checkBucket (name: string, bucket: Quota): void {
  const { quota, window, capacity } = bucket
  if (fillTime(bucket) > MAX_FILL_TIME) {
    throw new OptionError(`policy ${name}: a burst of ${capacity} at ${quota} in ${window} s takes more than a ` +
      'hundred years to fill; lower burst or window')
  }
  const actual = window * 1_000_000 / unitTime(bucket)
  if (actual < quota * (1 - MAX_LOST_RATE)) {
    throw new OptionError(`policy ${name}: a token bucket counts in whole microseconds, so it would let in ` +
      `${Math.floor(actual)} in ${window} s, not ${quota}; choose a quota near one unit in whole microseconds`)
  }
}

const byPrincipal = addressOr(callerOf)

const partitions = {
  principal: byPrincipal,
  workspace: addressOr(({ workspace, environment }) => `${environment.length} ${environment} ${workspace}`),
  address: byPrincipal
}

function addressOr (partitionOf: (principal: Principal) => string): CompiledPolicy['partitionOf'] {
  return (caller) => caller.kind === 'anonymous' ? caller.address : partitionOf(caller)
}
