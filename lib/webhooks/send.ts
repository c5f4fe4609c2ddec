import { Agent as PlainAgent, request as plainRequest, type IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { RequestFilteringHttpsAgent } from 'request-filtering-agent'
import { isPublicAddress } from './address.js'
import type { Answer } from './answer.js'
import { readDestination, type DestinationTerms } from './destination.js'

export interface Outgoing {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Makes one attempt. Never rejects. */
export type Send = (outgoing: Outgoing) => Promise<Answer>

export interface SendTerms extends DestinationTerms {
  /** Seconds for all of it: name, connection, request and answer. */
  readonly deadline: number
  /** Certificates of further authorities, in PEM. */
  readonly ca?: string | readonly string[] | undefined
}

/** Bytes of an answer's body that are read, and forgotten; whoever sends more is cut off. */
const MOST = 65_536

class ForbiddenAddress extends Error {}

/**
 * A connection of its own for each attempt, to an address that is looked at when it is used, by two lists: ours and that
 * of request-filtering-agent. Redirects are not followed.
 */
export function createSend ({ anywhere, resolve, deadline, ca }: SendTerms): Send {
  const lookup: LookupFunction = (name, { all }, done) => {
    resolve(name).then((addresses) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      const [first] = found
      if (first === undefined || !(anywhere || addresses.every(isPublicAddress))) throw new ForbiddenAddress()
      if (all === true) done(null, found)
      else done(null, first.address, first.family)
    }).catch((fault: Error) => { done(fault, []) })
  }
  const terms = { keepAlive: false, lookup, ...ca !== undefined && { ca: [ca].flat() } }
  const agents = { 'https:': anywhere ? new Agent(terms) : new RequestFilteringHttpsAgent(terms), 'http:': new PlainAgent({ keepAlive: false, lookup }) }

  return async function send ({ url: text, headers, body }) {
    const read = readDestination(text, anywhere)
    if ('fault' in read) return { failure: 'forbidden-address' }
    const { url } = read
    return await new Promise<Answer>((resolve) => {
      const options = { method: 'POST', headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' } }
      const sent = url.protocol === 'http:' ? plainRequest(url, { ...options, agent: agents['http:'] }) : request(url, { ...options, agent: agents['https:'] })
      let answer: Answer | undefined
      function end (otherwise: Answer): void {
        clearTimeout(timer)
        resolve(answer ?? otherwise)
        sent.destroy()
      }
      const timer = setTimeout(() => end({ failure: 'timeout' }), deadline * 1000)
      sent.on('error', (fault) => end({ failure: failureOf(fault) }))
      sent.on('upgrade', (_response, socket) => {
        socket.destroy()
        end({ status: 101 })
      })
      sent.on('response', (response) => {
        answer = { status: Number(response.statusCode), retryAfter: response.headers['retry-after'] }
        drain(response, () => end({ failure: 'unreachable' }))
      })
      sent.end(body)
    })
  }
}

/** Reads a body to its end, or to the bound. */
function drain (response: IncomingMessage, done: () => void): void {
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MOST) done()
  })
  response.on('error', done)
  response.on('close', done)
}

/** What Node and OpenSSL call faults of certificates and of the handshake. */
const OF_TLS = /^(CERT_|ERR_TLS|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/

function failureOf (fault: Error): 'forbidden-address' | 'insecure' | 'unreachable' {
  if (fault instanceof ForbiddenAddress || /is not allowed/.test(fault.message)) return 'forbidden-address'
  return 'code' in fault && OF_TLS.test(String(fault.code)) ? 'insecure' : 'unreachable'
}
