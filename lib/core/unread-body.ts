import { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Bytes of an unread body for which the connection is kept: to open another one costs more than to discard them. */
const MAX_DISCARDED = 65_536
/** Milliseconds within which such a body must arrive. */
const BODY_TIMEOUT_MS = 1_000

/**
 * Ends the connection of a request that is refused before its body has arrived, since nothing reads the body: a client
 * could keep the connection open by sending it slowly. HTTP/2 ends the stream by itself.
 */
export function endUnreadBody ({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { socket, headers, httpVersionMajor } = raw
  const length = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity
  if (raw.complete || length === 0 || httpVersionMajor !== 1 || !(socket instanceof Socket)) return
  if (length > MAX_DISCARDED) {
    reply.header('connection', 'close')
    return
  }
  const timer = setTimeout(() => { if (!raw.complete) socket.destroySoon() }, BODY_TIMEOUT_MS)
  raw.once('close', () => clearTimeout(timer))
}
