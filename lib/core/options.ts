import { Kind, Type, TypeRegistry, type TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { describeSchema } from './input.js'
import { nearest } from './nearest.js'
import { show } from './show.js'

/** A mistake of the host, found at boot. Its message names the option, what was given and what to write instead. */
export class OptionError extends TypeError {
  readonly code = 'LATCHKEY_ERR_OPTION'
  constructor (message: string) {
    super(`fastify-latchkey: ${message}`)
    this.name = 'OptionError'
  }
}

/**
 * Refuses options that do not fit `schema`. The message says what to write instead by the schema's `description`.
 * Unknown options come first: a misspelt one is also why another seems to be missing.
 * @param path what the options are called in messages, such as `limits`
 * @throws OptionError
 */
export function checkOptions (schema: TSchema, options: unknown, path: string): void {
  const errors = [...Value.Errors(schema, options)].map(errorOfField)
  const error = errors.find(isUnknown) ?? errors[0]
  if (error !== undefined) throw new OptionError(explain(error, path))
}

const ACCEPTED = 'fastify-latchkey:accepted'
TypeRegistry.Set<{ accepts: (value: unknown) => boolean }>(ACCEPTED, (schema, value) => schema.accepts(value))

/** A schema of what `accepts` returns true for: properties of a schema miss inherited methods. */
export function accepted (accepts: (value: unknown) => boolean, description: string): TSchema {
  return Type.Unsafe<unknown>({ [Kind]: ACCEPTED, accepts, description })
}

/** A schema of objects that have these methods, own or inherited. */
export function withMethods (methods: readonly string[], description: string): TSchema {
  return accepted((value) => typeof value === 'object' && value !== null &&
    methods.every((name) => typeof Reflect.get(value, name) === 'function'), description)
}

function isUnknown ({ type }: ValueError): boolean {
  return type === ValueErrorType.ObjectAdditionalProperties
}

function explain (error: ValueError, path: string): string {
  const { type, schema, value } = error
  const option = [path, ...error.path.split('/').slice(1)].filter((step) => step !== '').join('.')
  if (isUnknown(error)) {
    const known = Object.keys(schema.properties)
    const meant = nearest(option.slice(option.lastIndexOf('.') + 1), known)
    return `unknown option ${option}; known here: ${known.join(', ')}` +
      (meant === undefined ? '' : `; did you mean ${meant}?`)
  }
  const expected = schema.description ?? describeSchema(schema)
  if (type === ValueErrorType.ObjectRequiredProperty) return `option ${option} is missing; it must be ${expected}`
  return `option ${option === '' ? 'object' : option} must be ${expected}, not ${show(value)}`
}

/** Where a union takes an object and one was given, the error names the field of it that is wrong. */
function errorOfField (error: ValueError): ValueError {
  const alternatives: unknown = error.schema.anyOf
  if (error.type !== ValueErrorType.Union || !isRecord(error.value) || !Array.isArray(alternatives)) return error
  const inside = [...error.errors[alternatives.findIndex(({ type }) => type === 'object')] ?? []].map(errorOfField)
  return inside.find(isUnknown) ?? inside[0] ?? error
}

function isRecord (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export { show } from './show.js'
