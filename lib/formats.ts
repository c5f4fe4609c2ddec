import { STATUS_CODES } from 'node:http'
import type { AccessError } from './errors.js'

/** What a refusal looks like on the wire. */
export interface Rendering {
  body: unknown
  /** Content type; `application/json; charset=utf-8` when left out. */
  type?: string
}

export type Renderer = (error: AccessError) => Rendering

/**
 * - `problem`: RFC 9457, with `code` and the members of the refusal
 * - `error`: `{ "error": "INSUFFICIENT_SCOPE" }`
 * - `detail`: `{ "detail": "…" }`
 * - `error-message`: `{ "error": "insufficient_scope", "message": "…" }`
 * - `throw`: the error goes to the host's error handler, status and headers already set
 * - a function: the host's own body
 */
export type ErrorFormat = keyof typeof renderers | 'throw' | Renderer

export const renderers = {
  problem (error) {
    return {
      type: 'application/problem+json; charset=utf-8',
      body: {
        type: 'about:blank',
        title: STATUS_CODES[error.statusCode],
        status: error.statusCode,
        detail: error.detail ?? error.message,
        code: error.code,
        ...error.extensions
      }
    }
  },
  error: ({ code }) => ({ body: { error: code } }),
  detail: ({ message }) => ({ body: { detail: message } }),
  'error-message': ({ code, message }) => ({ body: { error: code.toLowerCase(), message } })
} as const satisfies Record<string, Renderer>

export function isRendererName (format: string): format is keyof typeof renderers {
  return Object.hasOwn(renderers, format)
}

/** What renders a format; nothing where the host's error handler does. */
export function rendererOf (format: ErrorFormat): Renderer | undefined {
  if (typeof format === 'function') return format
  return isRendererName(format) ? renderers[format] : undefined
}

/** The body as text and its type. A renderer of the host that fails is replaced: the refusal itself must stand. */
export function render (renderer: Renderer, error: AccessError): { text: string, type: string } {
  try {
    const { body, type = 'application/json; charset=utf-8' } = renderer(error)
    const text = JSON.stringify(body)
    if (typeof text === 'string') return { text, type }
  } catch {}
  const { body, type } = renderers.problem(error)
  return { text: JSON.stringify(body), type }
}
