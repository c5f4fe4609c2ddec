import type { FastifyReply } from 'fastify'
import type { Clock } from '../../core/clock.js'
import { createBackoff } from '../../core/backoff.js'
import { AccessError } from '../../core/errors.js'
import { createFailureLog } from '../../core/failure-log.js'
import type { Principal } from '../../core/principal.js'
import { createOncePerWindow, eventId, type Emitter } from '../../events/index.js'
import type { Keys } from '../keys.js'
import type { LoadedKey } from '../record.js'

/**
 * Tells a caller that its secret was rotated away and when it stops working: an HTTP date (RFC 9110 §5.6.7), as the
 * Sunset field of RFC 8594 does for a resource.
 */
const RETIRES_HEADER = 'api-key-retires'

/** Seconds between two events about one retiring secret. */
const PERIOD = 86_400

export interface RetirementDeps {
  readonly events: Pick<Emitter, 'emit' | 'hasListeners'> | undefined
  readonly clock: Clock
}

/** Announces that the secret of a request retires: to the caller by a header, and to listeners by an event. */
export type AnnounceRetirement = (principal: Principal, reply: FastifyReply) => void

export function createRetirement ({ events, clock }: RetirementDeps): AnnounceRetirement {
  const once = createOncePerWindow(clock)

  function emit ({ id, environment, workspace, owner }: Principal, retiresAt: string): void {
    const name = `retiring ${id} ${retiresAt}`
    if (!once.isFirst(name, PERIOD)) return
    const now = clock()
    events?.emit({
      id: eventId(name, Math.floor(now / PERIOD / 1000)),
      type: 'key.retiring_secret_used',
      at: new Date(now),
      workspace,
      data: { key: { id, environment, ...owner !== undefined && { owner } }, retiresAt }
    })
  }

  return function announceRetirement (principal, reply) {
    const { secretRetiresAt } = principal
    if (secretRetiresAt === undefined) return
    reply.header(RETIRES_HEADER, secretRetiresAt.toUTCString())
    if (events?.hasListeners('key.retiring_secret_used') === true) emit(principal, secretRetiresAt.toISOString())
  }
}

export interface GraceDeps {
  readonly beginGrace: Keys['beginGrace']
  readonly clock: Clock
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
}

/** Starts the grace period of a key's previous secret once a newer one is used. No request waits for it. */
export type StartGrace = (loaded: LoadedKey) => void

const BEGINS = 'grace periods of secrets could not start; later uses try again'
const ENDS = 'grace periods of secrets start again'

/** While the store fails, one use at a time tries again, after a pause: not every request. */
export function createStartGrace ({ beginGrace, clock, log, inform }: GraceDeps): StartGrace {
  const starting = new Set<string>()
  const failures = createFailureLog({ log, inform }, BEGINS, ENDS)
  const backoff = createBackoff(clock)

  function mayTry (name: string): boolean {
    return failures.lasts() ? starting.size === 0 && backoff.isOver() : !starting.has(name)
  }

  async function start ({ principal: { workspace, id }, generation }: LoadedKey): Promise<void> {
    const name = `${id} ${generation}`
    if (!mayTry(name)) return
    starting.add(name)
    try {
      const started = await failures.tried(async () => {
        await beginGrace(workspace, id, generation).catch(unlessDeleted)
        return true
      })
      if (started === undefined) backoff.failed()
      else backoff.worked()
    } finally {
      starting.delete(name)
    }
  }

  return function startGrace (loaded) {
    // A clock of the host may throw.
    if (loaded.startsGrace) start(loaded).catch(failures.failed)
  }
}

/** A key that is gone has no grace period, and says nothing about the store. */
function unlessDeleted (fault: unknown): void {
  if (!(fault instanceof AccessError && fault.code === 'KEY_NOT_FOUND')) throw fault
}
