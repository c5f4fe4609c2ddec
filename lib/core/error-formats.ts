import { STATUS_CODES } from 'node:http'
import type { AccessError } from './errors.js'
import { isThenable } from './clock.js'

/** What a refusal looks like on the wire. */
export interface Rendering {
  /** Sent as JSON; text that has a `type` of its own is sent as it is. */
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
  return attempt(renderer, error) ?? attempt(renderers.problem, error) ?? { text: JSON.stringify({ code: error.code }), type: JSON_TYPE }
}

const JSON_TYPE = 'application/json; charset=utf-8'

function attempt (renderer: Renderer, error: AccessError): { text: string, type: string } | undefined {
  try {
    const rendering: unknown = renderer(error)
    if (isThenable(rendering)) rendering.then(ignore, ignore)
    return isRendering(rendering) ? textOf(rendering) : undefined
  } catch {
    return undefined
  }
}

function textOf ({ body, type }: Rendering): { text: string, type: string } | undefined {
  if (typeof body === 'string' && type !== undefined) return { text: body, type }
  const text: unknown = JSON.stringify(body)
  return typeof text === 'string' ? { text, type: type ?? JSON_TYPE } : undefined
}

function isRendering (value: unknown): value is Rendering {
  return typeof value === 'object' && value !== null && 'body' in value &&
    (!('type' in value) || value.type === undefined || (typeof value.type === 'string' && /^[\x21-\x7e][\x20-\x7e]*$/.test(value.type)))
}

/** Renderers answer at once; the promise of one that doesn't must not end the process when it rejects. */
function ignore (): void {}
