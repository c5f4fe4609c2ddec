import type { FastifyServerOptions } from 'fastify'
import { withoutPort } from '../core/address.js'
import { COMMON_KEY_FIELDS, fieldOfPlace, type CredentialPlace } from '../core/credential-place.js'
import { pathOf, redact, redactLine } from '../core/redact.js'
import { createForeignRedactor, type SecretFormat } from './foreign-secrets.js'

/** Fastify's `logger` options, which are pino's. */
type LoggerOptions = Extract<FastifyServerOptions['logger'], object>

/** The options that are changed here, for every kind of server; all others are passed on. */
interface Composed {
  serializers?: object
  redact?: string[] | { paths: string[] }
  hooks?: { streamWrite?: (line: string) => string }
}

/** What loggers must know of a server. */
export interface LoggedServer {
  /** The option `credentials` of Latchkey, where it names fields: their values are kept out of the log. */
  readonly credentials?: readonly CredentialPlace[] | undefined
  /** The option `keys.formats` of Latchkey: such secrets are kept out of the log, wherever a line has them. */
  readonly formats?: Readonly<Record<string, SecretFormat>> | undefined
}

const SECRET_FIELDS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', ...COMMON_KEY_FIELDS]

/** Paths of the header fields that carry credentials, where hosts and their serializers usually log them. */
function credentialPaths ({ credentials = [] }: LoggedServer): string[] {
  const fields = [...new Set([...SECRET_FIELDS, ...credentials.map(fieldOfPlace)])]
  return ['', 'headers', 'req.headers', 'request.headers', 'res.headers']
    .flatMap((parent) => fields.map((field) => `${parent}["${field}"]`))
}

/** Fastify's request, or Node's where a host logs that one. */
interface LoggedRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly ip?: string | undefined
}

interface LoggedError {
  readonly name?: unknown
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly message?: unknown
  readonly stack?: unknown
}

/** A request as the log may show it: no header, no query. */
export function describeRequest ({ method, url, host, ip }: LoggedRequest): Record<string, string | undefined> {
  return { method, url: pathOf(url ?? ''), host, remoteAddress: ip === undefined ? undefined : withoutPort(ip) }
}

/**
 * An error as the log may show it. Further properties may hold secrets and are left out: an error of the parser has the
 * bytes of the request, one of an HTTP client the header it sent, one of a store the arguments of its command.
 */
export function describeError (error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return plain(error)
  const { name, code, statusCode, message, stack }: LoggedError = error
  return {
    type: plain(name),
    code: plain(code),
    statusCode: plain(statusCode),
    message: plain(message),
    stack: plain(stack)
  }
}

function plain (value: unknown): string | number | undefined {
  return typeof value === 'string' ? redact(value) : typeof value === 'number' ? value : undefined
}

export const serializers = { req: describeRequest, err: describeError, error: describeError }

/**
 * Logger options that keep credentials and queries out of the log, for a pino that the host creates:
 *
 * ```ts
 * const app = Fastify(serverOptions({ loggerInstance: pino(loggerOptions({ level: 'info' })) }))
 * ```
 *
 * The host's serializers replace those of the same name. Its `redact` and `hooks.streamWrite` are kept, and every line
 * is redacted after them.
 *
 * @param server the fields in which this server takes credentials, besides the common ones, such as `x-api-key`, and
 *   the formats of secrets that were imported
 */
export function loggerOptions<T extends LoggerOptions> (options: T, server: LoggedServer = {}): T {
  return composeLogger(options, server)
}

export function composeLogger<T extends Composed> (options: T, server: LoggedServer): T {
  const { redact = [], hooks } = options
  const hostsWrite = hooks?.streamWrite
  const foreign = createForeignRedactor(server.formats ?? {})
  return {
    ...options,
    serializers: { ...serializers, ...options.serializers },
    redact: Array.isArray(redact)
      ? [...credentialPaths(server), ...redact]
      : { ...redact, paths: [...credentialPaths(server), ...redact.paths] },
    hooks: {
      ...hooks,
      streamWrite: (line: string) => foreign(redactLine(hostsWrite?.(line) ?? line))
    }
  }
}
