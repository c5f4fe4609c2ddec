import { hash } from 'node:crypto'

/**
 * The id of an event: equal for equal words, so that every process gives one occurrence the same id.
 *
 * ```ts
 * eventId('key.revoked', key.id, key.version)
 * ```
 */
export function eventId (...words: ReadonlyArray<string | number>): string {
  return `evt_${hash('sha256', JSON.stringify(words), 'hex').slice(0, 32)}`
}
