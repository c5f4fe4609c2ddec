import type { Exposure } from '../auth/index.js'
import { describeFault } from '../errors.js'
import type { ApiKey } from '../keys/index.js'
import type { Decision, PolicyOutcome } from '../limits/index.js'
import type { Principal } from '../principal.js'
import type { Clock } from '../time.js'
import type { Emitter } from './emitter.js'
import { factId, viewOfKey } from './fact.js'
import { createFirsts } from './firsts.js'

export interface ObserverParts {
  readonly emitter: Pick<Emitter, 'hears' | 'emit'>
  readonly clock: Clock
  readonly findKey: (workspace: string, id: string) => Promise<ApiKey>
  readonly log: (reason: string, message: string) => void
}

/** Makes events of what requests show. None of it throws, or is waited for. */
export interface Observer {
  limited (decision: Pick<Decision, 'principal' | 'policies'>): void
  retiring (principal: Principal): void
  exposed (exposure: Exposure): void
}

/** Seconds between two events of one secret that is exposed, or retires and is still used. */
const PERIOD = 86_400

export function createObserver ({ emitter, clock, findKey, log }: ObserverParts): Observer {
  const isFirst = createFirsts(clock)

  /**
   * Whoever uses up a window is told of once in it; of other limiters, which have none, once in as much time. Processes
   * that see the same, each by its own clock, give it the same id.
   */
  function exceeded ({ policy, reset }: PolicyOutcome, { kind, id, workspace, environment }: Principal, partition: string): void {
    const name = `limit ${policy.id} ${partition}`
    const isWindow = policy.kind === 'window'
    if (!isFirst(name, isWindow ? reset : policy.window)) return
    const now = clock()
    const resetAt = now + reset * 1000
    const period = Math.floor((isWindow ? resetAt : now) / (policy.window * 1000))
    emitter.emit({
      id: factId(name, period),
      type: 'limit.exceeded',
      at: new Date(now),
      workspace,
      data: { policy: policy.name, partition: policy.partition ?? 'principal', principal: { kind, id }, environment, resetAt: new Date(resetAt).toISOString() }
    })
  }

  async function about (type: 'key.exposed' | 'key.retiring_secret_used', { workspace, id }: Principal, tell: (key: ApiKey, at: Date) => void): Promise<void> {
    try {
      tell(await findKey(workspace, id), new Date(clock()))
    } catch (fault) {
      log(describeFault(fault), `${type} could not be told of ${id}`)
    }
  }

  return {
    limited ({ principal, policies }) {
      if (!emitter.hears('limit.exceeded')) return
      for (const outcome of policies) {
        if (!outcome.admitted) exceeded(outcome, principal, outcome.policy.partitionOf(principal))
      }
    },
    retiring (principal) {
      const { secretRetiresAt } = principal
      if (secretRetiresAt === undefined || !emitter.hears('key.retiring_secret_used')) return
      const retiresAt = secretRetiresAt.toISOString()
      const name = `retiring ${principal.id} ${retiresAt}`
      if (!isFirst(name, PERIOD)) return
      const period = Math.floor(clock() / PERIOD / 1000)
      about('key.retiring_secret_used', principal, (key, at) => {
        emitter.emit({ id: factId(name, period), type: 'key.retiring_secret_used', at, workspace: key.workspace, data: { key: viewOfKey(key), retiresAt } })
      })
    },
    exposed ({ principal }) {
      if (principal.kind !== 'api-key' || !emitter.hears('key.exposed')) return
      const name = `exposed ${principal.id}`
      if (!isFirst(name, PERIOD)) return
      const period = Math.floor(clock() / PERIOD / 1000)
      about('key.exposed', principal, (key, at) => {
        emitter.emit({ id: factId(name, key.version, period), type: 'key.exposed', at, workspace: key.workspace, data: { key: viewOfKey(key) } })
      })
    }
  }
}
