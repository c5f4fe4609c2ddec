import type { Exposure } from '../auth/index.js'
import { describeFault } from '../core/errors.js'
import type { ApiKey } from '../keys/index.js'
import type { Decision, LimitStore } from '../limits/index.js'
import type { Principal } from '../core/principal.js'
import type { Clock } from '../core/clock.js'
import type { Emitter } from './emitter.js'
import { createLimitExceeded } from './limit-exceeded.js'
import { eventId, viewOfKey } from './event-id.js'
import { createOncePerWindow } from './once-per-window.js'

export interface RequestEventsDeps {
  readonly emitter: Pick<Emitter, 'hasListeners' | 'emit'>
  readonly clock: Clock
  readonly findKey: (workspace: string, id: string) => Promise<ApiKey>
  /** The limit store's, where it has one. */
  readonly claim: LimitStore['claim']
  /** Seconds that a claim may take. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
}

/** Makes events of what requests show. None of it throws, or is waited for. */
export interface RequestEvents {
  limited (decision: Pick<Decision, 'principal' | 'policies'>): void
  retiring (principal: Principal): void
  exposed (exposure: Exposure): void
}

/** Seconds between two events of one secret that is exposed, or retires and is still used. */
const PERIOD = 86_400

export function createRequestEvents ({ emitter, clock, findKey, claim, deadline, log }: RequestEventsDeps): RequestEvents {
  const firsts = createOncePerWindow(clock)
  const exceeded = createLimitExceeded({ emitter, clock, firsts, claim, deadline, log })

  async function about (type: 'key.exposed' | 'key.retiring_secret_used', { workspace, id }: Principal, tell: (key: ApiKey, at: Date) => void): Promise<void> {
    try {
      tell(await findKey(workspace, id), new Date(clock()))
    } catch (fault) {
      log(describeFault(fault), `${type} could not be told of ${id}`)
    }
  }

  return {
    limited ({ principal, policies }) {
      if (!emitter.hasListeners('limit.exceeded')) return
      for (const outcome of policies) {
        if (!outcome.admitted) exceeded(outcome, principal)
      }
    },
    retiring (principal) {
      const { secretRetiresAt } = principal
      if (secretRetiresAt === undefined || !emitter.hasListeners('key.retiring_secret_used')) return
      const retiresAt = secretRetiresAt.toISOString()
      const name = `retiring ${principal.id} ${retiresAt}`
      if (!firsts.isFirst(name, PERIOD)) return
      const period = Math.floor(clock() / PERIOD / 1000)
      about('key.retiring_secret_used', principal, (key, at) => {
        emitter.emit({ id: eventId(name, period), type: 'key.retiring_secret_used', at, workspace: key.workspace, data: { key: viewOfKey(key), retiresAt } })
      })
    },
    exposed ({ principal }) {
      if (principal.kind !== 'api-key' || !emitter.hasListeners('key.exposed')) return
      const name = `exposed ${principal.id}`
      if (!firsts.isFirst(name, PERIOD)) return
      const period = Math.floor(clock() / PERIOD / 1000)
      about('key.exposed', principal, (key, at) => {
        emitter.emit({ id: eventId(name, key.version, period), type: 'key.exposed', at, workspace: key.workspace, data: { key: viewOfKey(key) } })
      })
    }
  }
}
