/**
 * `fastify-latchkey/limits`: quotas, decided in memory or in a store that processes share; also a plugin of its own.
 */

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { contextOf, type AccessContext } from '../core/access-context.js'
import { checkOptions, OptionError, show } from '../core/options.js'
import type { RouteAccess } from '../core/route-access.js'
import { listFaults } from '../core/route-faults.js'
import { createHook, type Step } from '../core/step.js'
import type { Emitter } from '../events/index.js'
import { createDecide } from './decide.js'
import { createLimitSteps } from './limit.js'
import { createLimitExceeded } from './limit-exceeded.js'
import { createMemoryLimitStore } from './memory.js'
import { limitsSchema, type LimitsOptions, type LimitsPluginOptions } from './options.js'
import { createProfiles, type Profiles } from './profiles.js'
import { createReload } from './stale-principal.js'

/** The step `limit`: counts every request by the policies of its profile; see `LimitsOptions.anonymous`. */
export function createLimiting (
  app: FastifyInstance, context: AccessContext, options: LimitsOptions, events: Emitter | undefined
): Step {
  checkOptions(limitsSchema, options, 'limits')
  const { store: given, maxPartitions, deadline = 0.1, dryRun = false, onDecision, anonymous } = options
  if (given !== undefined && maxPartitions !== undefined) {
    throw new OptionError('option limits.maxPartitions is for the memory store; ' +
      'set the size of your limits.store there')
  }
  const countsAnonymous = anonymous !== undefined
  const profiles = createProfiles(options)
  const store = given ?? createMemoryLimitStore({ maxPartitions })
  const decide = createDecide({ context, profiles, store, deadline })
  context.policiesOf = profiles.ofPrincipal
  const reload = createReload({ context, decide, profiles, store, deadline })

  app.addHook('onReady', async function checkProfiles () {
    const faults = listFaults(context.routes, (route) => faultsOf(route, profiles, countsAnonymous))
    if (faults.length > 0) throw new OptionError(faults.join('\n'))
    await store.ready?.()
  })

  const limitExceeded = events && createLimitExceeded({ events, clock: context.clock })
  const steps = createLimitSteps({ context, decide, reload, countsAnonymous, dryRun, onDecision, limitExceeded })
  if (countsAnonymous) context.limitAnonymous = steps.limitAnonymous
  return steps.limit
}

/**
 * Limits alone, for hosts that compose Latchkey themselves: counts requests that have a `request.principal` (with
 * `anonymous` all of them), and answers 429 beyond their quota. Register `accessContext` and `auth` first.
 *
 * @throws OptionError at boot
 */
export const limits = fp<LimitsPluginOptions>(async function latchkeyLimits (app, { events, ...options }) {
  const context = contextOf(app)
  app.addHook('onRequest', createHook(context, [createLimiting(app, context, options, events)]))
}, { name: 'latchkey-limits', fastify: '5.x || 6.x' })

/** What is wrong with a route's `x-rate-limit`. */
function faultsOf (
  { mode, profile, cost, countsAnonymous }: RouteAccess, profiles: Profiles, addressesAreCounted: boolean
): string[] {
  const faults: string[] = []
  if (profile !== undefined && !profiles.has(profile)) {
    faults.push(`names the limits profile ${show(profile)}; declared: ${profiles.names.join(', ') || 'none'}`)
  }
  if (mode === 'public' && (profile !== undefined || cost !== 1)) {
    if (!addressesAreCounted) {
      faults.push('is public and declares x-rate-limit; only authenticated requests are counted, ' +
        'unless limits.anonymous is set')
    } else if (!countsAnonymous) {
      faults.push('is public and declares a profile or cost with anonymous: false, by which nobody is counted; ' +
        'leave out one of them')
    }
  }
  if (mode === 'guarded' && !countsAnonymous) {
    faults.push('is guarded and declares anonymous: false; it is for public and optional routes: ' +
      'who gets 401 is always counted')
  }
  return faults
}

export type { Anonymous, Caller } from './caller.js'
export { createMemoryLimitStore, LimitStoreFull, type MemoryLimitStoreOptions } from './memory.js'
export { defaultEnvironments, defaultTiers } from './profiles.js'
export { compilePolicy, type AddressPolicy, type CompiledPolicy, type Policy, type Profile } from './policy.js'
export { LimitStoreUnavailable, type LimitStore, type Outcome, type PolicyOutcome, type Take } from './store.js'
export type { Decision, LimitsOptions, LimitsPluginOptions } from './options.js'
