import type { Clock } from '../../core/clock.js'
import { AccessError } from '../../core/errors.js'
import type { Keys } from '../keys.js'
import type { LoadedKey } from '../record.js'
import { hashSecret, type SecretFormat } from '../secret-format.js'
import type { KeyStore } from '../store.js'
import type { KeyEvents } from './events.js'
import { invalid } from './input.js'
import { inTime } from './update-key.js'

export interface LeakReportDeps {
  readonly format: SecretFormat
  readonly store: KeyStore
  readonly clock: Clock
  readonly keys: Pick<Keys, 'get' | 'revoke'>
  readonly events: KeyEvents
  /** Seconds that the store may take. */
  readonly deadline: number
}

const MAX_SECRETS = 1000
const REASON = 'Its secret was found where others can read it.'

/** Takes reports of secrets that were found in public. The answer does not say which of them are real. */
export function createLeakReport (deps: LeakReportDeps): Keys['reportExposed'] {
  const { format, store, clock, keys, events, deadline } = deps

  async function check (found: unknown, revoke: boolean): Promise<void> {
    if (typeof found !== 'string' || format.parse(found) === undefined) return
    const loaded = await inTime(load(hashSecret(found)), deadline)
    if (loaded === undefined || clock() >= loaded.goodUntil) return
    const { workspace, id } = loaded.principal
    const key = revoke ? (await keys.revoke(workspace, id, { reason: REASON })).key : await keys.get(workspace, id)
    events.emit(events.eventOf({ type: 'key.exposed' }, key), key)
  }

  async function load (hash: string): Promise<LoadedKey | undefined> {
    return await store.findByHash(hash, true)
  }

  return async function reportExposed (secrets, { revoke = true } = {}) {
    if (!Array.isArray(secrets) || secrets.length > MAX_SECRETS) {
      throw invalid(`secrets must be an array of at most ${MAX_SECRETS} secrets of keys`)
    }
    for (const found of new Set<unknown>(secrets)) await check(found, revoke).catch(unlessDeleted)
    return { received: secrets.length }
  }
}

/** A key that was deleted in the meantime opens nothing any more. */
function unlessDeleted (fault: unknown): void {
  if (!(fault instanceof AccessError && fault.code === 'KEY_NOT_FOUND')) throw fault
}
