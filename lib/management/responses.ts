import type { AccessContext } from '../core/access-context.js'
import { render, rendererOf } from '../core/error-formats.js'
import { refusals, type RefusalCode } from '../core/errors.js'

/** OpenAPI response objects of refusals by status, with the media types that this context renders them in. */
export function refusalResponses (
  { errors, refusal }: Pick<AccessContext, 'errors' | 'refusal'>,
  codes: readonly RefusalCode[]
): Record<number, object> {
  const renderer = rendererOf(errors)
  const schema = { type: 'object', additionalProperties: true }
  const byStatus: Record<number, RefusalCode[]> = {}
  for (const code of codes) (byStatus[refusals[code].statusCode] ??= []).push(code)

  function mediaTypeOf (code: RefusalCode): string {
    return renderer === undefined ? 'application/json' : render(renderer, refusal(code)).type.replace(/;.*/, '')
  }

  function responseOf (alike: readonly RefusalCode[]): object {
    return {
      description: alike.map((code) => `${code}: ${refusals[code].message}`).join(' '),
      content: Object.fromEntries(alike.map((code) => [mediaTypeOf(code), { schema }]))
    }
  }

  return Object.fromEntries(Object.entries(byStatus).map(([status, alike]) => [status, responseOf(alike)]))
}
