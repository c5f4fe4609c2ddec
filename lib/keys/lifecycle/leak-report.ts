import { AccessError } from '../../core/errors.js'
import type { Clock } from '../../core/clock.js'
import type { Tell } from './events.js'
import { invalid } from './input.js'
import type { Keys } from '../keys.js'
import type { LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'
import { hashSecret, type SecretFormat } from '../secret-format.js'

interface Parts {
  readonly text: SecretFormat
  readonly store: KeyStore
  readonly clock: Clock
  readonly keys: Pick<Keys, 'get' | 'revoke'>
  readonly tell: Tell
  readonly inTime: <T>(work: Promise<T>) => Promise<T>
}

/** Texts of one report. */
const MAX_TEXTS = 1000
const REASON = 'Its text was found where others can read it.'

/** Takes reports of texts that were found in public; whoever reports learns nothing of which are real. */
export function createLeakReport ({ text, store, clock, keys, tell, inTime }: Parts): Keys['reportExposed'] {
  async function look (found: unknown, revoke: boolean): Promise<void> {
    if (typeof found !== 'string' || text.parse(found) === undefined) return
    const loaded = await inTime(load(hashSecret(found)))
    if (loaded === undefined || clock() >= loaded.goodUntil) return
    const { workspace, id } = loaded.principal
    const key = revoke ? (await keys.revoke(workspace, id, { reason: REASON })).key : await keys.get(workspace, id)
    tell({ type: 'key.exposed' }, key)
  }

  async function load (hash: string): Promise<LoadedKey | undefined> {
    return await store.findByHash(hash, true)
  }

  return async function reportExposed (texts, { revoke = true } = {}) {
    if (!Array.isArray(texts) || texts.length > MAX_TEXTS) throw invalid(`texts must be an array of at most ${MAX_TEXTS} texts of keys`)
    for (const found of new Set<unknown>(texts)) await look(found, revoke).catch(unlessGone)
    return { received: texts.length }
  }
}

/** A key that was deleted in between opens nothing any more. */
function unlessGone (fault: unknown): void {
  if (!(fault instanceof AccessError && fault.code === 'KEY_NOT_FOUND')) throw fault
}
