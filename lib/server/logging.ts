import type { FastifyServerOptions } from 'fastify'
import { pathOf, redact, redactLine } from '../core/redact.js'

/** Fastify's `logger` options, which are pino's. */
type LoggerOptions = Extract<FastifyServerOptions['logger'], object>

/** What of them is composed here, for every kind of server; all others pass through. */
interface Composed {
  serializers?: object
  redact?: string[] | { paths: string[] }
  hooks?: { streamWrite?: (line: string) => string }
}

/** The header fields that carry credentials, where hosts and their serializers usually log them. */
const credentialPaths = ['', 'headers.', 'req.headers.', 'request.headers.', 'res.headers.'].flatMap((place) => [
  `${place}authorization`, `${place}["proxy-authorization"]`, `${place}cookie`, `${place}["set-cookie"]`
].map((path) => path.replace('.[', '[')))

/** Fastify's request, or Node's where a host logs that. */
interface LoggedRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly ip?: string | undefined
}

/** A request as the log may show it: no header, no query. */
export function describeRequest ({ method, url, host, ip }: LoggedRequest): Record<string, string | undefined> {
  return { method, url: pathOf(url ?? ''), host, remoteAddress: ip }
}

/**
 * An error as the log may show it. Its own properties stay behind: a parser error holds the request's bytes, an HTTP
 * client's the header it sent, a store's the arguments of its command; and causes are printed with all of theirs.
 */
export function describeError (error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return plain(error)
  const { name, code, statusCode, message, stack }: Partial<Record<'name' | 'code' | 'statusCode' | 'message' | 'stack', unknown>> = error
  return { type: plain(name), code: plain(code), statusCode: plain(statusCode), message: plain(message), stack: plain(stack) }
}

function plain (value: unknown): string | number | undefined {
  return typeof value === 'string' ? redact(value) : typeof value === 'number' ? value : undefined
}

export const serializers = { req: describeRequest, err: describeError, error: describeError }

/**
 * Logger options that show no credential and no query: for a pino of the host's own,
 * `Fastify(serverOptions({ loggerInstance: pino(loggerOptions({ level: 'info' })) }))`.
 *
 * The host's options stand. Its serializers replace those of the same name, and its `redact` and `hooks.streamWrite`
 * are added to: whatever they let through, every line is scrubbed (`scrubLine`) as it is written.
 */
export function loggerOptions<T extends LoggerOptions> (options: T): T {
  return composeLogger(options)
}

export function composeLogger<T extends Composed> (options: T): T {
  const { redact = [], hooks } = options
  const theirs = hooks?.streamWrite
  return {
    ...options,
    serializers: { ...serializers, ...options.serializers },
    redact: Array.isArray(redact) ? [...credentialPaths, ...redact] : { ...redact, paths: [...credentialPaths, ...redact.paths] },
    hooks: { ...hooks, streamWrite: theirs === undefined ? redactLine : (line: string) => redactLine(theirs(line)) }
  }
}
