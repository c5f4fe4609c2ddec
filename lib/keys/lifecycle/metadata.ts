import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { show } from '../../core/options.js'
import type { KeyMetadata } from '../record.js'

const MAX_ENTRIES = 32
const MAX_NAME = 64
const MAX_TEXT = 512

/**
 * A copy of a host's notes on a key: own properties only, whatever they are called.
 * @param schema of the host
 * @throws what `invalid` makes of a sentence that says what is wrong
 */
export function readMetadata (given: unknown, schema: TSchema | undefined, invalid: (detail: string) => Error): KeyMetadata | undefined {
  const metadata = given === undefined ? undefined : copyMetadata(given, invalid)
  const error = schema === undefined ? undefined : Value.Errors(schema, metadata ?? {}).First()
  if (error === undefined) return metadata
  const field = `metadata${error.path.replaceAll('/', '.')}`
  throw invalid(`${field}: ${error.schema.description === undefined ? error.message : `must be ${error.schema.description}`}`)
}

function copyMetadata (given: unknown, invalid: (detail: string) => Error): KeyMetadata {
  if (!isPlain(given)) throw invalid(`metadata must be a plain object, not ${show(given)}`)
  const entries = Object.entries(given)
  if (entries.length > MAX_ENTRIES) throw invalid(`metadata must have at most ${MAX_ENTRIES} entries, not ${entries.length}`)
  return Object.fromEntries(entries.map(([name, value]) => {
    if (name === '' || name.length > MAX_NAME) throw invalid(`metadata has the name ${show(name)}; a name has 1 to ${MAX_NAME} characters`)
    if (!isNote(value)) throw invalid(`metadata.${show(name)} must be a string of at most ${MAX_TEXT} characters, a finite number, a boolean or null, not ${show(value)}`)
    return [name, value]
  }))
}

function isPlain (value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Reflect.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function isNote (value: unknown): value is KeyMetadata[string] {
  return typeof value === 'string' ? value.length <= MAX_TEXT : value === null || typeof value === 'boolean' || Number.isFinite(value)
}
