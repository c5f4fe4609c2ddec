import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import fastify, {
  type FastifyHttp2Options, type FastifyHttp2SecureOptions, type FastifyHttpOptions, type FastifyHttpsOptions,
  type RawServerDefault
} from 'fastify'
import { logControllerOption } from './log-controller.js'
import { composeLogger, serializers, type LoggedServer } from './logging.js'
import { answerClientError } from './parser.js'
import { answerFrameworkError } from './router.js'

type Secure2 = FastifyHttp2SecureOptions<Http2SecureServer>
type Plain2 = FastifyHttp2Options<Http2Server>
type Secure = FastifyHttpsOptions<HttpsServer>
type Plain = FastifyHttpOptions<RawServerDefault>
type AnyOptions = Secure2 | Plain2 | Secure | Plain

/**
 * Server options for what no hook sees: malformed URLs, requests that the HTTP parser refuses, and Fastify's own log
 * lines, which print the query of URLs and the bytes of broken requests.
 *
 * ```ts
 * const app = Fastify(serverOptions({ logger: true }))
 * ```
 *
 * The host's own `frameworkErrors`, `clientErrorHandler` and `logController` replace those set here. `logger` becomes
 * `loggerOptions(logger)`. A `loggerInstance` only gets the serializers `req`, `err` and `error`, since its lines can't
 * be redacted here: create it with `loggerOptions`.
 *
 * @param server `{ credentials }` as `latchkey` has them, where they name fields of your own, and `{ formats }` as
 *   `keys.formats`, where secrets were imported
 */
export function serverOptions<T extends Secure2> (options: T, server?: LoggedServer): T
export function serverOptions<T extends Plain2> (options: T, server?: LoggedServer): T
export function serverOptions<T extends Secure> (options: T, server?: LoggedServer): T
export function serverOptions<T extends Plain> (options: T, server?: LoggedServer): T
export function serverOptions<T extends AnyOptions> (options: T, server: LoggedServer = {}): T {
  warnOfTrustProxy(options)
  return {
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
    ...logControllerOption(fastify.LogController, options),
    ...options,
    ...loggerOf(options, server)
  }
}

function loggerOf ({ logger, loggerInstance }: AnyOptions, server: LoggedServer) {
  if (loggerInstance) return { loggerInstance: loggerInstance.child({}, { serializers }) }
  if (logger === true) return { logger: composeLogger({}, server) }
  return logger && !('child' in logger) ? { logger: composeLogger(logger, server) } : {}
}

/** Warns at boot where `trustProxy` protects less than it seems to. */
function warnOfTrustProxy ({ trustProxy }: AnyOptions): void {
  const advice = 'set it to the addresses of your proxies instead'
  if (typeof trustProxy === 'number') {
    warn('trustProxy is a number, which does not say who the proxy is: ' +
      `since 5.12.1 Fastify then trusts no proxy and ignores X-Forwarded-*; ${advice}`)
  }
  if (trustProxy === true) {
    warn('trustProxy is true: any client that reaches this port can claim HTTPS and any address ' +
      `by X-Forwarded-*; ${advice}`)
  }
}

function warn (message: string): void {
  process.emitWarning(message, { type: 'LatchkeyWarning', code: 'LATCHKEY_TRUST_PROXY' })
}
