import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { AccessError, type RefusalCode } from '../core/errors.js'
import { render, renderers } from '../core/error-formats.js'

const refusalOf = new Map<string, RefusalCode>([
  ['HPE_HEADER_OVERFLOW', 'HEADERS_TOO_LARGE'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'REQUEST_TIMEOUT']
])

/**
 * Answers requests that Node's HTTP parser refuses. It logs the code alone, since the error carries the bytes of the
 * request (`rawPacket`). Connections that broke are just closed, and so are those on which something was written
 * before: no public API says whether an answer is still being written there.
 */
export function answerClientError (
  this: Pick<FastifyInstance, 'log'>, { code = 'unknown' }: { readonly code?: string }, socket: Socket
): void {
  this.log.trace({ code }, 'client error')
  const refusal = refusalOf.get(code) ?? (code.startsWith('HPE_') ? 'BAD_REQUEST' : undefined)
  if (refusal === undefined || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
  } else {
    socket.write(messageOf(new AccessError(refusal)))
    socket.destroySoon()
  }
}

/** A complete response: RFC 9112 §6.3 requires its length, RFC 9110 §6.6.1 its date. */
function messageOf (error: AccessError): string {
  const { text, type } = render(renderers.problem, error)
  const headers = {
    date: new Date().toUTCString(),
    connection: 'close',
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    ...error.headers
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${error.statusCode} ${STATUS_CODES[error.statusCode]}\r\n${lines.join('')}\r\n${text}`
}
