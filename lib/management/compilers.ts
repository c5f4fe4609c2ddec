import type { TSchema } from '@sinclair/typebox'
import { Value, type ValueError } from '@sinclair/typebox/value'

/**
 * Checks what a request brings as it is, however the host's own validator is set up: nothing of a body is turned into
 * another type, filled in or dropped. Texts of a query become the numbers that they spell.
 */
export function createValidatorCompiler (refuse: (error: ValueError, httpPart: string | undefined) => Error) {
  return function compileValidator ({ schema, httpPart }: { schema: TSchema, httpPart?: string | undefined }) {
    return function validate (given: unknown): { value: unknown } | { error: Error } {
      const value = httpPart === 'body' ? given ?? {} : Value.Convert(schema, Value.Clone(given))
      const error = Value.Errors(schema, value).First()
      return error === undefined ? { value } : { error: refuse(error, httpPart) }
    }
  }
}
