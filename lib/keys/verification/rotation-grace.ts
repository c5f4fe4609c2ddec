import type { FastifyReply } from 'fastify'
import { describeFault } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { LoadedKey } from '../record.js'
import type { Log } from './usage-recorder.js'

/**
 * Tells a caller that the secret it presented was rotated away, and when it stops working: an HTTP date (IMF-fixdate,
 * RFC 9110 §5.6.7), as the Sunset field of RFC 8594 does for a resource.
 */
export const RETIRES_FIELD = 'api-key-retires'

/** @returns whether there was anything to tell */
export function announceRetirement ({ secretRetiresAt }: Principal, reply: FastifyReply): boolean {
  if (secretRetiresAt === undefined) return false
  reply.header(RETIRES_FIELD, secretRetiresAt.toUTCString())
  return true
}

/**
 * Begins the grace of the secrets before this one: sets when they retire, unless that is set.
 * @param generation of the secret that was used first
 */
export type BeginGrace = (workspace: string, id: string, generation: number) => void | PromiseLike<unknown>

/** Begins the grace of a key's earlier secret once its successor is used: no request waits for it, or fails with it. */
export function createFirstUse (beginGrace: BeginGrace, log: Log): (loaded: LoadedKey) => void {
  const beginning = new Set<string>()

  async function begin ({ principal: { workspace, id }, generation }: LoadedKey): Promise<void> {
    const name = `${id} ${generation}`
    if (beginning.has(name)) return
    beginning.add(name)
    try {
      await Promise.resolve()
      await beginGrace(workspace, id, generation)
    } catch (fault) {
      log(describeFault(fault), `the grace of a rotated secret of ${id} could not begin; the next use tries again`)
    } finally {
      beginning.delete(name)
    }
  }

  return (loaded) => {
    if (loaded.startsGrace) begin(loaded)
  }
}
