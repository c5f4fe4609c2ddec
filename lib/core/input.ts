import type { TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { NAME_PATTERN } from './name.js'
import { show } from './show.js'

/** Patterns of text that callers send, which their schemas and the OpenAPI document share. */
export const patterns = {
  /** RFC 3339. A `format` would mean what the host's validator makes of it. */
  instant: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$',
  /** No control characters: databases refuse some, and logs and terminals act on others. */
  line: NAME_PATTERN
} as const

/** What text of that pattern must be; the pattern can't tell that there is no 30 February. */
export const EXISTING_INSTANT = 'an RFC 3339 date-time that exists, such as "2030-01-31T12:00:00Z"'

/**
 * Checks what a caller or a host has sent. Only own properties count, so that nothing is read from a prototype.
 * @throws what `refuse` makes of a sentence that says what is wrong and what to write instead
 */
export function readInput<T> (schema: TSchema, input: T, refuse: (detail: string) => Error): T {
  const own: T = Object.assign(Object.create(null), input)
  const error = Value.Errors(schema, own).First()
  if (error !== undefined) throw refuse(explainInput(error))
  return own
}

/**
 * What is wrong, what to write instead, and what was given.
 * @param whole what the input is called where all of it is wrong, not one field
 */
export function explainInput ({ type, path, schema, value }: ValueError, whole = 'the input'): string {
  const field = path.slice(1).replaceAll('/', '.') || whole
  if (type === ValueErrorType.ObjectAdditionalProperties) {
    return `${show(field)} is not a field here; the fields are ${Object.keys(schema.properties).join(', ')}`
  }
  if (type === ValueErrorType.ObjectRequiredProperty) return `${field} is missing; it must be ${describeSchema(schema)}`
  return `${field} must be ${describeSchema(schema)}, not ${show(value)}`
}

/** What a value must be to fit a schema: its type with its bounds, or the values that are allowed. */
export function describeSchema (schema: TSchema): string {
  const { anyOf, const: constant, type, pattern }: Record<string, unknown> = schema
  if (Array.isArray(anyOf)) return listed(anyOf.map(describeSchema))
  if (constant !== undefined) return JSON.stringify(constant)
  if (pattern === patterns.instant) return EXISTING_INSTANT
  return `${named(String(type))}${range(schema)}${pattern === patterns.line ? ' without control characters' : ''}`
}

function listed (choices: readonly string[]): string {
  return choices.length > 2 ? `one of ${choices.join(', ')}` : choices.join(' or ')
}

const names: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  array: 'an array',
  object: 'an object',
  boolean: 'true or false'
}

function named (type: string): string {
  return names[type] ?? type
}

function range (schema: Readonly<Record<string, unknown>>): string {
  const { minLength, maxLength, minimum, maximum, maxItems } = schema
  const [least, most] = [minLength ?? minimum, maxLength ?? maximum ?? maxItems]
  const unit = maxLength !== undefined ? ' characters' : maxItems !== undefined ? ' items' : ''
  if (most === undefined) return least === undefined ? '' : ` of at least ${least}`
  if (least === undefined) return ` of at most ${most}${unit}`
  return unit === '' ? ` from ${least} to ${most}` : ` of ${least} to ${most}${unit}`
}
