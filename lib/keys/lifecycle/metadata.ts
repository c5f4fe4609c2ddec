import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { show } from '../../core/options.js'
import type { KeyMetadata } from '../record.js'

const MAX_ENTRIES = 32
const MAX_NAME = 64
const MAX_TEXT = 512

/** Makes an error of a sentence that says what is wrong. */
type ToError = (detail: string) => Error

/**
 * A copy of a host's notes on a key: own properties only, whatever their names.
 * @param schema of the host
 */
export function readMetadata (given: unknown, schema: TSchema | undefined, invalid: ToError): KeyMetadata | undefined {
  const metadata = given === undefined ? undefined : copyMetadata(given, invalid)
  const error = schema === undefined ? undefined : Value.Errors(schema, metadata ?? {}).First()
  if (error === undefined) return metadata
  const { path, message, schema: { description } } = error
  const problem = description === undefined ? message : `must be ${description}`
  throw invalid(`metadata${path.replaceAll('/', '.')}: ${problem}`)
}

function copyMetadata (given: unknown, invalid: ToError): KeyMetadata {
  if (!isPlain(given)) throw invalid(`metadata must be a plain object, not ${show(given)}`)
  const entries = Object.entries(given)
  if (entries.length > MAX_ENTRIES) {
    throw invalid(`metadata must have at most ${MAX_ENTRIES} entries, not ${entries.length}`)
  }
  return Object.fromEntries(entries.map(([name, value]) => {
    if (name === '' || name.length > MAX_NAME) {
      throw invalid(`metadata has the name ${show(name)}; a name has 1 to ${MAX_NAME} characters`)
    }
    if (!isNote(value)) {
      const allowed = `a string of at most ${MAX_TEXT} characters, a finite number, a boolean or null`
      throw invalid(`metadata.${show(name)} must be ${allowed}, not ${show(value)}`)
    }
    return [name, value]
  }))
}

function isPlain (value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Reflect.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function isNote (value: unknown): value is KeyMetadata[string] {
  if (typeof value === 'string') return value.length <= MAX_TEXT
  return value === null || typeof value === 'boolean' || Number.isFinite(value)
}
