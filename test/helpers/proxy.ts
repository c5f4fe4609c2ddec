import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Ending } from './ending.js'
import { portOf } from './doors.js'

/** How a proxy treats what the server answers. */
export type Manner =
  | 'pass'
  /** New connections are reset, and so are those that stand. */
  | 'refuse'
  /** Answers come a second late. */
  | 'slow'
  /** The first half of an answer, then a reset. */
  | 'reset'
  /** Answers come in small pieces. */
  | 'slice'
  /** Requests come a second late. */
  | 'delay-requests'

export interface Proxy {
  readonly port: number
  manner: Manner
  /** The port that new connections go to; those that stand are reset when it changes. */
  target: number
  /** Bytes that clients have sent. */
  readonly sent: number
}

const later = (milliseconds: number, act: () => void): void => { setTimeout(act, milliseconds).unref() }

/** A TCP proxy on the loopback before a port, that can misbehave; closed with the test. */
export async function startProxy (owner: Ending, port: number): Promise<Proxy> {
  let target = port
  const sockets = new Set<Socket>()
  let manner: Manner = 'pass'
  let sent = 0

  const server = createServer((socket) => {
    if (manner === 'refuse') {
      socket.resetAndDestroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => { sockets.delete(one); socket.destroy(); upstream.destroy() })
    }
    socket.on('data', (chunk) => {
      sent += chunk.length
      if (manner === 'delay-requests') later(1000, () => upstream.write(chunk))
      else upstream.write(chunk)
    })
    upstream.on('data', (chunk) => answer(socket, chunk))
  })

  const slicing = createSlicer()

  function answer (socket: Socket, chunk: Buffer): void {
    if (manner === 'slow') return later(1000, () => socket.write(chunk))
    if (manner === 'slice') return slicing(socket, chunk)
    socket.write(manner === 'reset' ? chunk.subarray(0, chunk.length / 2) : chunk)
    if (manner === 'reset') later(1, () => socket.resetAndDestroy())
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return {
    port: portOf(server),
    get manner () { return manner },
    set manner (next) {
      manner = next
      if (next === 'refuse') for (const socket of sockets) socket.resetAndDestroy()
    },
    get target () { return target },
    set target (next) {
      target = next
      for (const socket of sockets) socket.resetAndDestroy()
    },
    get sent () { return sent }
  }
}

/** Writes what it is given in many small pieces, each in a packet of its own, one chunk after the other. */
function createSlicer (): (socket: Socket, chunk: Buffer) => void {
  const left = new WeakMap<Socket, Buffer>()

  function next (socket: Socket): void {
    const waiting = left.get(socket)
    if (waiting === undefined) return
    const size = Math.ceil(waiting.length / 20)
    socket.write(waiting.subarray(0, size))
    if (size === waiting.length) left.delete(socket)
    else left.set(socket, waiting.subarray(size))
    setImmediate(next, socket)
  }

  return function add (socket, chunk) {
    const waiting = left.get(socket)
    left.set(socket, waiting === undefined ? chunk : Buffer.concat([waiting, chunk]))
    if (waiting === undefined) setImmediate(next, socket)
  }
}
