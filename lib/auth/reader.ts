import type { IncomingMessage } from 'node:http'
import { fieldOfPlace } from '../core/credential-place.js'
import {
  createAuthorizationReader, malformed, NONE, readToken, type CredentialSource, type Presented, type ReadField
} from './header.js'

type Raw = Pick<IncomingMessage, 'rawHeaders'>

interface Field<S extends CredentialSource> {
  /** In lower case. */
  readonly name: string
  readonly read: ReadField<S>
  readonly first: S
  /** One of each field, to see a second line of it. */
  readonly bit: number
}

/**
 * Reads the one credential of a request. Two lines of one field, and credentials in two places, are malformed whatever
 * is in them. It reads the raw lines, because `headers` joins several lines of a field or keeps the first.
 * @param sources at most 31
 */
export function createCredentialReader<S extends CredentialSource> (
  sources: readonly S[]
): (request: Raw) => Presented<S> {
  const fields = fieldsOf(sources)

  return function readCredential ({ rawHeaders }) {
    let presented: Presented<S> = NONE
    let seen = 0
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]
      for (const field of fields) {
        if (name?.length !== field.name.length || name.toLowerCase() !== field.name) continue
        if ((seen & field.bit) !== 0) return malformed(`several ${field.name} header lines`, field.first)
        seen |= field.bit
        const found = field.read(String(rawHeaders[i + 1]))
        if (found.type === 'none') continue
        if (presented.type !== 'none') return malformed('credentials in several places', presented.at)
        presented = found
      }
    }
    return presented
  }
}

/** Reads every credential of a request, however many there are. */
export function createCredentialCollector<S extends CredentialSource> (
  sources: readonly S[]
): (request: Raw) => Array<Extract<Presented<S>, { type: 'token' }>> {
  const fields = fieldsOf(sources)
  return ({ rawHeaders }) => rawHeaders.flatMap((value, i) => {
    const name = i % 2 === 1 ? rawHeaders[i - 1]?.toLowerCase() : undefined
    const found = fields.find((field) => field.name === name)?.read(value)
    return found?.type === 'token' ? [found] : []
  })
}

/** `bearer()` and `basic()` share a field. */
function fieldsOf<S extends CredentialSource> (sources: readonly S[]): ReadonlyArray<Field<S>> {
  const fields: Array<Field<S>> = []
  for (const first of sources) {
    const name = fieldOfPlace(first.place)
    if (fields.some((field) => field.name === name)) continue
    const read: ReadField<S> = first.place.type === 'header'
      ? (value) => readToken(value, first)
      : createAuthorizationReader(first, sources.filter(({ place }) => fieldOfPlace(place) === name))
    fields.push({ name, read, first, bit: 1 << fields.length })
  }
  return fields
}
