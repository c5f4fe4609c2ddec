import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { explainInput } from '../core/input.js'

/**
 * Checks a part of a request as it was sent: nothing in a body becomes another type, is filled in or is dropped. Our
 * routes have this compiler of their own, so that they mean the same under any validator of the host. Text of a query
 * becomes the numbers that it spells.
 *
 * @param refuse makes the error of a sentence that says what is wrong
 */
export function createValidatorCompiler (refuse: (detail: string) => Error) {
  return function compileValidator ({ schema, httpPart }: { schema: TSchema, httpPart?: string | undefined }) {
    return function validate (given: unknown): { value: unknown } | { error: Error } {
      const value = httpPart === 'body' ? given ?? {} : Value.Convert(schema, Value.Clone(given))
      const error = Value.Errors(schema, value).First()
      return error === undefined ? { value } : { error: refuse(explainInput(error, `the ${httpPart}`)) }
    }
  }
}

/** A host's serializer may know only schemas of its own kind, such as zod's. Our handlers return plain JSON values. */
export function compileSerializer (): (data: unknown) => string {
  return (data) => JSON.stringify(data)
}
