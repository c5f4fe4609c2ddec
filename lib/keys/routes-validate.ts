import type { TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { explain, invalid } from './input.js'

/**
 * Checks what a request brings as it is, however the host's own validator is set up: nothing of a body is turned into
 * another type, filled in or dropped. Texts of a query become the numbers that they spell.
 */
export function compileValidator ({ schema, httpPart }: { schema: TSchema, httpPart?: string | undefined }) {
  return function validate (given: unknown): { value: unknown } | { error: Error } {
    const value = httpPart === 'body' ? given ?? {} : Value.Convert(schema, Value.Clone(given))
    const error = Value.Errors(schema, value).First()
    return error === undefined ? { value } : { error: invalid(explainPart(error, httpPart)) }
  }
}

/** Descriptions of these schemas are for the document, so the message is the validator's. */
function explainPart (error: ValueError, httpPart: string | undefined): string {
  if (error.type === ValueErrorType.ObjectAdditionalProperties) return explain(error)
  return `${error.path.slice(1).replaceAll('/', '.') || String(httpPart)}: ${error.message}`
}
