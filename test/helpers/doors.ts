import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Server } from 'node:http'

/** A pino destination that records its lines. */
export function keepLines () {
  const lines: string[] = []
  return {
    lines,
    stream: { write (line: string) { lines.push(line) } },
    /** The lines as objects. */
    get entries (): Array<Record<string, unknown>> { return lines.map((line) => JSON.parse(line)) },
    get text (): string { return lines.join('') }
  }
}

export interface Answer {
  readonly text: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Fastify over HTTP/1.1, whatever its logger. */
export interface Listener {
  listen (options: { port: number, host: string }): Promise<unknown>
  readonly server: Pick<Server, 'address'>
}

/** Starts `app` on a free port of the loopback and returns the port. */
export async function listen (app: Listener): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return portOf(app.server)
}

export function portOf (server: Pick<Server, 'address'>): number {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}

/** The lines of a request and the blank line after them. */
export function request (...lines: string[]): string {
  return [...lines, '', ''].join('\r\n')
}

/** Writes to a new connection and reads until the server closes it. */
export async function exchange (port: number, bytes: string | Buffer): Promise<Answer> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await closed
  return readAnswer(Buffer.concat(chunks).toString())
}

/** Writes to a new connection, resets it as soon as `until` has happened, and waits for its end. */
export async function abandon (port: number, bytes: string, until: Promise<unknown>): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  socket.write(bytes)
  await until
  socket.resetAndDestroy()
  await closed
}

export function readAnswer (text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [line = '', ...fields] = head.split('\r\n')
  return {
    text,
    status: Number(line.split(' ')[1]),
    headers: Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()])),
    body: rest.join('\r\n\r\n')
  }
}

/** A connection whose received bytes can be awaited. */
export interface Connection {
  readonly socket: Socket
  /** Resolves with everything received as soon as it satisfies `enough`. */
  until (enough: (received: string) => boolean): Promise<string>
  readonly closed: Promise<unknown>
}

export function openConnection (port: number, bytes: string): Connection {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let received = ''
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  socket.on('data', (chunk: string) => { received += chunk })
  socket.write(bytes)
  return {
    socket,
    closed,
    until: (enough) => new Promise((resolve, reject) => {
      const check = () => { if (enough(received)) resolve(received) }
      socket.on('data', check)
      socket.once('close', () => enough(received) ? resolve(received) : reject(new Error(`closed after ${JSON.stringify(received)}`)))
      check()
    })
  }
}

/** A promise and the functions that settle it. */
export function deferred<T> () {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((_resolve, _reject) => { resolve = _resolve; reject = _reject })
  return { promise, resolve, reject }
}
