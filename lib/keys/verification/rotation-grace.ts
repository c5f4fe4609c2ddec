import type { FastifyReply } from 'fastify'
import type { Clock } from '../../core/clock.js'
import { describeFault } from '../../core/errors.js'
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
  readonly log: (reason: string, message: string) => void
}

/** Starts the grace period of a key's previous secret once a newer one is used. No request waits for it. */
export type StartGrace = (loaded: LoadedKey) => void

export function createStartGrace ({ beginGrace, log }: GraceDeps): StartGrace {
  const starting = new Set<string>()

  async function start ({ principal: { workspace, id }, generation }: LoadedKey): Promise<void> {
    const name = `${id} ${generation}`
    if (starting.has(name)) return
    starting.add(name)
    try {
      await beginGrace(workspace, id, generation)
    } catch (fault) {
      log(describeFault(fault), `the grace period of a secret of ${id} could not start; the next use tries again`)
    } finally {
      starting.delete(name)
    }
  }

  return function startGrace (loaded) {
    if (loaded.startsGrace) start(loaded)
  }
}
