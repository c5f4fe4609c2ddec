import { STATUS_CODES } from 'node:http'
import type { AccessError } from './errors.js'
import { isThenable } from './clock.js'

/** The body of a refusal. */
export interface Rendering {
  /** Sent as JSON; a string with a `type` is sent as it is. */
  body: unknown
  /** Content type; `application/json; charset=utf-8` when left out. */
  type?: string
}

export type Renderer = (error: AccessError) => Rendering

interface Rendered { readonly text: string, readonly type: string }

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

/** The renderer of a format; undefined for `throw`, where the host's error handler writes the body. */
export function rendererOf (format: ErrorFormat): Renderer | undefined {
  if (typeof format === 'function') return format
  return isRendererName(format) ? renderers[format] : undefined
}

/** Renders a refusal. Where the host's renderer fails, the refusal is sent as a problem: it must stand. */
export function render (renderer: Renderer, error: AccessError): Rendered {
  return tryRender(renderer, error) ?? tryRender(renderers.problem, error) ?? codeAlone(error)
}

const JSON_TYPE = 'application/json; charset=utf-8'

function codeAlone ({ code }: AccessError): Rendered {
  return { text: JSON.stringify({ code }), type: JSON_TYPE }
}

function tryRender (renderer: Renderer, error: AccessError): Rendered | undefined {
  try {
    const rendering: unknown = renderer(error)
    if (isThenable(rendering)) rendering.then(ignore, ignore)
    return isRendering(rendering) ? textOf(rendering) : undefined
  } catch {
    return undefined
  }
}

function textOf ({ body, type }: Rendering): Rendered | undefined {
  if (typeof body === 'string' && type !== undefined) return { text: body, type }
  const text: unknown = JSON.stringify(body)
  return typeof text === 'string' ? { text, type: type ?? JSON_TYPE } : undefined
}

function isRendering (value: unknown): value is Rendering {
  return typeof value === 'object' && value !== null && 'body' in value &&
    (!('type' in value) || value.type === undefined || isContentType(value.type))
}

/** Line breaks would let a renderer add headers. */
function isContentType (type: unknown): boolean {
  return typeof type === 'string' && /^[\x21-\x7e][\x20-\x7e]*$/.test(type)
}

/** A renderer must not answer a promise; one that does must not end the process by rejecting it. */
function ignore (): void {}
