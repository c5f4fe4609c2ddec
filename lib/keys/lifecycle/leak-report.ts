import type { Clock } from '../../core/clock.js'
import { AccessError } from '../../core/errors.js'
import { RecordError } from '../../core/store-error.js'
import type { OnBroken } from '../../core/stored-record.js'
import type { Secrets } from '../import/secrets.js'
import type { Keys } from '../keys.js'
import type { LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'
import type { KeyEvents } from './events.js'
import { invalid } from './input.js'
import { inTime } from './update-key.js'

export interface LeakReportDeps {
  readonly secrets: Secrets
  readonly store: KeyStore
  readonly clock: Clock
  readonly keys: Pick<Keys, 'get' | 'revoke'>
  readonly events: KeyEvents
  readonly onBroken: OnBroken
  /** Seconds that the store may take. */
  readonly deadline: number
}

const MAX_SECRETS = 1000
const BROKEN = 'stored records of keys that were reported as exposed can\'t be used'
const REASON = 'Its secret was found where others can read it.'

/** Takes reports of secrets that were found in public. The answer does not say which of them are real. */
export function createLeakReport (deps: LeakReportDeps): Keys['reportExposed'] {
  const { secrets, store, clock, keys, events, onBroken, deadline } = deps

  /** @returns the fault of a stored record that can't be used */
  async function check (found: unknown, revoke: boolean): Promise<RecordError | undefined> {
    const hash = typeof found === 'string' && secrets.isWellFormed(found) ? secrets.hashOf(found) : undefined
    if (hash === undefined) return undefined
    const loaded = await inTime(load(hash).catch(unlessBroken), deadline)
    if (loaded instanceof RecordError) return loaded
    if (loaded === undefined || clock() >= loaded.goodUntil) return undefined
    const { workspace, id } = loaded.principal
    const key = revoke ? (await keys.revoke(workspace, id, { reason: REASON })).key : await keys.get(workspace, id)
    events.emit(events.eventOf({ type: 'key.exposed' }, key))
    return undefined
  }

  async function load (hash: string): Promise<LoadedKey | undefined> {
    return await store.findByHash(hash, true)
  }

  return async function reportExposed (found, { revoke = true } = {}) {
    if (!Array.isArray(found) || found.length > MAX_SECRETS) {
      throw invalid(`secrets must be an array of at most ${MAX_SECRETS} secrets of keys`)
    }
    const broken: RecordError[] = []
    for (const text of new Set<unknown>(found)) {
      const fault = await check(text, revoke).catch(unlessDeleted)
      if (fault !== undefined) broken.push(fault)
    }
    broken.forEach(onBroken)
    // All others are revoked by now; whoever reports these is asked to do so again.
    if (broken.length > 0) throw new AccessError('KEYS_UNAVAILABLE', { reason: BROKEN, retryAfter: 1 })
    return { received: found.length }
  }
}

/** A key that was deleted in the meantime opens nothing any more. */
function unlessDeleted (fault: unknown): undefined {
  if (!(fault instanceof AccessError && fault.code === 'KEY_NOT_FOUND')) throw fault
}

function unlessBroken (fault: unknown): RecordError {
  if (fault instanceof RecordError) return fault
  throw fault
}
