import { Kind, Type, TypeRegistry, type TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'

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
 * @param path what the options are called in messages, such as `limits`
 * @throws OptionError
 */
export function checkOptions (schema: TSchema, options: unknown, path: string): void {
  const error = Value.Errors(schema, options).First()
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

function explain (error: ValueError, path: string): string {
  const option = [path, ...error.path.split('/').slice(1)].filter((step) => step !== '').join('.')
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    return `unknown option ${option}; known here: ${Object.keys(error.schema.properties).join(', ')}`
  }
  if (error.type === ValueErrorType.ObjectRequiredProperty) {
    return `option ${option} is missing; it must be ${expected(error)}`
  }
  return `option ${option === '' ? 'object' : option} must be ${expected(error)}, not ${show(error.value)}`
}

function expected ({ schema, message }: ValueError): string {
  return schema.description ?? message.replace(/^Expected /, '').replace(/^required property$/, 'given')
}

/** Describes a value in a message, in at most 60 characters. */
export function show (value: unknown): string {
  const text = textOf(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function textOf (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  return value instanceof Date ? 'a Date' : `an object with ${Object.keys(value).join(', ') || 'nothing in it'}`
}
