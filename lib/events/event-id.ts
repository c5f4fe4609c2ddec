import { hash } from 'node:crypto'
import type { ApiKey } from '../keys/index.js'
import type { AccessEvent } from './event.js'

/** The id of a fact: the same for the same words, whoever tells it and however often. */
export function eventId (...words: ReadonlyArray<string | number>): string {
  return `evt_${hash('sha256', JSON.stringify(words), 'hex').slice(0, 32)}`
}

/** What events say of a key. */
export function viewOfKey ({ id, environment, name, owner, secrets }: ApiKey): AccessEvent<'key.issued'>['data']['key'] {
  return { id, environment, ...name !== undefined && { name }, ...owner !== undefined && { owner }, hint: secrets.at(-1)?.hint ?? '' }
}
