import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import type { RouteAccess } from '../core/route-access.js'
import { AccessError, describeFault } from '../core/errors.js'
import { contextOf } from '../core/access-context.js'
import { checkOptions, OptionError, show, withMethods } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import { isThenable } from '../core/clock.js'
import { createLimiter, type Judgement } from './limiter.js'
import { createMemoryLimitStore } from './memory.js'
import { createStalePrincipal } from './stale-principal.js'
import { createProfiles, profileOptions, type ProfileOptions, type Profiles } from './profiles.js'
import type { LimitStore, PolicyOutcome } from './store.js'

export interface LimitsOptions extends ProfileOptions {
  /** Where counters live; this process's memory by default. */
  store?: LimitStore | undefined
  /** Counters that the memory store may hold; 1,000,000 by default. */
  maxPartitions?: number | undefined
  /** Seconds that the store may take before the request gets 503; 0.1 by default. */
  deadline?: number | undefined
  /** Decides and reports through `onDecision`, and refuses nobody: no 429, no 503, no RateLimit fields. */
  dryRun?: boolean | undefined
  /** Hears of every decision. What it throws or rejects with is logged and changes nothing; nobody waits for it. */
  onDecision?: ((decision: Decision, request: FastifyRequest) => void | Promise<void>) | undefined
  /** Hears of every request that a policy has refused, and of no other. As `onDecision` otherwise. */
  onLimited?: ((decision: Decision, request: FastifyRequest) => void | Promise<void>) | undefined
}

/** What the limiter answered to one request. */
export interface Decision {
  readonly outcome: Judgement['outcome']
  readonly principal: Principal
  readonly cost: number
  readonly policies: readonly PolicyOutcome[]
  /** Nothing was refused because of it. */
  readonly dryRun: boolean
}

export const limitsOptions = Type.Object({
  ...profileOptions,
  store: Type.Optional(withMethods(['take'], 'a limit store: an object with take(take)')),
  maxPartitions: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_000_000, description: 'a whole number from 1 to 16,000,000' })),
  deadline: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 60, description: 'seconds above 0 and at most 60' })),
  dryRun: Type.Optional(Type.Boolean({ description: 'true or false' })),
  onDecision: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the decision and the request' })),
  onLimited: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the decision and the request' }))
}, { additionalProperties: false, description: 'an object, or false for no limits' })

/** Counts every authenticated request by the policies of its profile, and refuses with 429 what goes beyond. */
export const limits = fp<LimitsOptions>(async function latchkeyLimits (app: FastifyInstance, options: LimitsOptions) {
  checkOptions(limitsOptions, options, 'limits')
  const { store: given, maxPartitions, deadline = 0.1, dryRun = false, onDecision, onLimited } = options
  if (given !== undefined && maxPartitions !== undefined) throw new OptionError('option limits.maxPartitions is for the memory store; set the size of your limits.store there')
  const ground = contextOf(app)
  const profiles = createProfiles(options)
  const store = given ?? createMemoryLimitStore({ maxPartitions })

  app.addHook('onReady', async function checkProfiles () {
    const faults = ground.routes.flatMap((route) => faultsOf(route, profiles).map((fault) => `${route.method} ${route.url} ${fault}`))
    if (faults.length > 0) throw new OptionError(faults.join('\n'))
    await store.ready?.()
  })

  const limiter = createLimiter({ ground, profiles, store, deadline })
  const renew = createStalePrincipal({ app, ground, limiter, profiles, store, deadline })

  app.addHook('onRequest', function limit (request, reply, done) {
    const { principal } = request
    if (principal === null) return done()
    const judged = limiter.judge(ground.accessOf(request), principal)
    if ('policies' in judged) proceed(request, reply, done, principal, judged)
    else judged.then((judgement) => proceed(request, reply, done, principal, judgement))
  })

  function proceed (request: FastifyRequest, reply: FastifyReply, done: () => void, principal: Principal, judgement: Judgement): void {
    if (judgement.stale === true) proceedRenewed(request, reply, done, principal, judgement)
    else conclude(request, reply, done, principal, judgement)
  }

  async function proceedRenewed (request: FastifyRequest, reply: FastifyReply, done: () => void, principal: Principal, judgement: Judgement): Promise<void> {
    const renewed = await renew(request, principal, judgement).catch(refusalOf)
    if (renewed instanceof AccessError) ground.refuse(request, reply, renewed)
    else conclude(request, reply, done, renewed.principal, renewed.judgement)
  }

  function refusalOf (fault: unknown): AccessError {
    return fault instanceof AccessError ? fault : ground.refusal('AUTHENTICATION_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }

  function conclude (request: FastifyRequest, reply: FastifyReply, done: () => void, principal: Principal, { outcome, policies, error }: Judgement): void {
    if (onDecision !== undefined) tell('onDecision', onDecision, { outcome, principal, cost: ground.accessOf(request).cost, policies, dryRun }, request)
    if (dryRun) return done()
    if (outcome === 'limited' && onLimited !== undefined) tell('onLimited', onLimited, { outcome, principal, cost: ground.accessOf(request).cost, policies, dryRun }, request)
    if (error !== undefined) return ground.refuse(request, reply, error)
    ground.announce(reply, policies)
    done()
  }
}, { name: 'latchkey-limits', fastify: '5.x', dependencies: ['latchkey-auth'] })

/** What of a route's `x-rate-limit` could never hold. */
function faultsOf ({ mode, profile, cost }: RouteAccess, profiles: Profiles): string[] {
  const faults: string[] = []
  if (profile !== undefined && !profiles.has(profile)) faults.push(`names the limits profile ${show(profile)}; declared: ${profiles.names.join(', ') || 'none'}`)
  if (mode === 'open' && (profile !== undefined || cost !== 1)) faults.push('is public and states x-rate-limit; only authenticated requests are counted')
  return faults
}

function tell (name: 'onDecision' | 'onLimited', listener: NonNullable<LimitsOptions['onDecision']>, decision: Decision, request: FastifyRequest): void {
  try {
    const heard = listener(decision, request)
    if (isThenable(heard)) Promise.resolve(heard).catch(complain)
  } catch (fault) {
    complain(fault)
  }
  function complain (fault: unknown): void {
    request.log.error({ reason: describeFault(fault) }, `limits.${name} failed`)
  }
}

export { createMemoryLimitStore, isMemoryLimitStore, LimitStoreFull, type MemoryLimitStoreOptions } from './memory.js'
export { defaultEnvironments, defaultTiers } from './profiles.js'
export { compilePolicy, type CompiledPolicy, type Policy, type Profile } from './policy.js'
export { LimitStoreUnavailable, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'
