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
}

/**
 * Reads the one credential of a request. Two lines of one field, and credentials in two places, are malformed whatever
 * is in them. It reads the raw lines, because `headers` joins several lines of a field or keeps the first.
 */
export function createCredentialReader<S extends CredentialSource> (
  sources: readonly S[]
): (request: Raw) => Presented<S> {
  const fields = fieldsOf(sources)

  return function readCredential ({ rawHeaders }) {
    let presented: Presented<S> = NONE
    for (const { name, read, first } of fields) {
      const value = valueOf(name, rawHeaders)
      if (value === undefined) continue
      if (value === SEVERAL) {
        const detail = `The header field ${name} came several times; send it once.`
        return malformed(`several ${name} header lines`, first, detail)
      }
      const found = read(value)
      if (found.type === 'none') continue
      if (presented.type !== 'none') {
        const other = fieldOfPlace(presented.at.place)
        const detail = `Credentials came in the header fields ${other} and ${name}; send one, in one of them.`
        return malformed('credentials in several places', presented.at, detail)
      }
      presented = found
    }
    return presented
  }
}

const SEVERAL = Symbol('several')

/** @param field in lower case */
function valueOf (field: string, rawHeaders: readonly string[]): string | typeof SEVERAL | undefined {
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== field.length || name.toLowerCase() !== field) continue
    if (value !== undefined) return SEVERAL
    value = rawHeaders[i + 1]
  }
  return value
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
    fields.push({ name, read, first })
  }
  return fields
}
