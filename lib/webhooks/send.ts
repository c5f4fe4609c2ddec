import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { RequestFilteringHttpsAgent } from 'request-filtering-agent'
import { isPublicAddress } from './address.js'
import { readDestination, type DestinationDeps } from './destination.js'
import type { SendResult } from './outcome.js'

export interface OutgoingRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Makes one attempt. Never rejects. Undefined where it was given up, so that nobody knows how it would have ended. */
export type Send = (outgoing: OutgoingRequest) => Promise<SendResult | undefined>

export interface SendDeps extends DestinationDeps {
  /** Seconds for the whole attempt: name, connection, request and response. */
  readonly deadline: number
  /** Certificates of authorities in PEM that take the place of the well-known ones. */
  readonly ca?: string | readonly string[] | undefined
  /** Gives up all attempts. */
  readonly signal: AbortSignal
}

/** Of a response body that are read; a receiver that sends more is disconnected. */
const MAX_BODY_BYTES = 65_536

class ForbiddenAddress extends Error {}

/**
 * Each attempt has a connection of its own, to an address that is checked in the moment of connecting, by two lists:
 * ours and that of request-filtering-agent. Redirects are not followed.
 */
export function createSend ({ anywhere, resolve, deadline, ca, signal }: SendDeps): Send {
  const lookup: LookupFunction = (name, { all }, done) => {
    resolve(name).then((addresses) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      const [first] = found
      if (first === undefined || !(anywhere || addresses.every(isPublicAddress))) throw new ForbiddenAddress()
      if (all === true) done(null, found)
      else done(null, first.address, first.family)
    }).catch((fault: Error) => { done(fault, []) })
  }
  const options = { keepAlive: false, lookup, ...ca !== undefined && { ca: [ca].flat() } }
  const httpsAgent = anywhere ? new HttpsAgent(options) : new RequestFilteringHttpsAgent(options)
  const httpAgent = new HttpAgent({ keepAlive: false, lookup })

  return async function send ({ url: text, headers: given, body }) {
    if (signal.aborted) return undefined
    const destination = readDestination(text, anywhere)
    if ('fault' in destination) return { failure: 'forbidden-address' }
    const { url } = destination
    const headers = { ...given, 'content-length': String(Buffer.byteLength(body)), connection: 'close' }
    return await new Promise<SendResult | undefined>((resolve) => {
      const request = url.protocol === 'http:'
        ? requestHttp(url, { method: 'POST', headers, agent: httpAgent })
        : requestHttps(url, { method: 'POST', headers, agent: httpsAgent })
      let received: SendResult | undefined
      const timer = setTimeout(() => end({ failure: 'timeout' }), deadline * 1000)

      const giveUp = (): void => end(undefined)
      signal.addEventListener('abort', giveUp)

      function end (otherwise: SendResult | undefined): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        resolve(received ?? otherwise)
        request.destroy()
      }

      request.on('error', (fault) => end({ failure: failureOf(fault) }))
      request.on('upgrade', (_response, socket) => {
        socket.destroy()
        end({ status: 101 })
      })
      request.on('response', (response) => {
        received = { status: Number(response.statusCode), retryAfter: response.headers['retry-after'] }
        drain(response, () => end({ failure: 'unreachable' }))
      })
      request.end(body)
    })
  }
}

/** Reads a body to its end, or to the bound. */
function drain (response: IncomingMessage, done: () => void): void {
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_BODY_BYTES) done()
  })
  response.on('error', done)
  response.on('close', done)
}

/** Codes by which Node and OpenSSL report faults of certificates and handshakes. */
const TLS_CODE =
  /^(CERT_|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/

function failureOf (fault: Error): 'forbidden-address' | 'insecure' | 'unreachable' {
  if (fault instanceof ForbiddenAddress || /is not allowed/.test(fault.message)) return 'forbidden-address'
  return 'code' in fault && TLS_CODE.test(String(fault.code)) ? 'insecure' : 'unreachable'
}
