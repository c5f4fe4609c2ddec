import { timeLookup } from '../core/lookup-channel.js'

/**
 * The authorization server did not answer, or not as it should: requests get 503. Nothing of its answer is kept.
 * `code` says in a word what was wrong, such as `STATUS_500`, `TIMEOUT` or `NOT_JSON`.
 */
export class IssuerUnavailable extends Error {
  readonly code: string
  constructor (code: string) {
    super('the authorization server did not answer as it should')
    this.name = 'IssuerUnavailable'
    this.code = code
  }
}

export interface IssuerRequest {
  readonly url: string
  /** Seconds for the whole answer. */
  readonly deadline: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as a form by POST; without it, GET. */
  readonly form?: URLSearchParams
}

export type Json = Readonly<Record<string, unknown>>

/** Metadata, a JWKS and introspection answers have a few KiB. */
const MAX_BYTES = 262_144

/**
 * Asks an authorization server for a JSON object. Redirects are not followed.
 * @throws IssuerUnavailable whatever goes wrong
 */
export async function fetchJson (request: IssuerRequest): Promise<Json> {
  return await timeLookup('issuer', fetchUntimed(request))
}

async function fetchUntimed ({ url, deadline, headers, form }: IssuerRequest): Promise<Json> {
  try {
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { accept: 'application/json', ...headers },
      ...form !== undefined && { body: form },
      redirect: 'manual',
      signal: AbortSignal.timeout(Math.ceil(deadline * 1000)) // it accepts whole milliseconds only
    })
    const { status, body } = response
    if (status === 200 && body !== null) return parseObject(await readBytes(body)) ?? notJson()
    await body?.cancel()
    throw new IssuerUnavailable(`STATUS_${status}`)
  } catch (fault) {
    if (fault instanceof IssuerUnavailable) throw fault
    throw new IssuerUnavailable(fault instanceof Error && fault.name === 'TimeoutError' ? 'TIMEOUT' : 'UNREACHABLE')
  }
}

async function readBytes (body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new IssuerUnavailable('TOO_LARGE')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function notJson (): never {
  throw new IssuerUnavailable('NOT_JSON')
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A JSON object in UTF-8, or undefined: other bytes must not be decoded to a text that a good object may have too. */
export function parseObject (bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
