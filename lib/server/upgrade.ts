import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { OptionError } from '../core/options.js'

/** A connection on which its client asks to speak another protocol (RFC 9110 §7.8). */
export interface Upgrade {
  /** The socket; on newer versions of Node a stream over it, where the request has a body that comes first. */
  readonly socket: Duplex
  /** Bytes that the client sent after the request already. */
  readonly head: Buffer
}

/** A Fastify instance over HTTP/1.1, with or without TLS. */
export interface Upgradable {
  readonly server: {
    on (event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
    listenerCount (event: 'upgrade'): number
  }
  routing (request: IncomingMessage, response: ServerResponse): void
  addHook (name: 'preClose', hook: (done: () => void) => void): unknown
}

interface Offer extends Upgrade { taken: boolean }

const offers = new WeakMap<object, Offer>()

/**
 * Sends upgrade requests through the app like any other request, so that the declaration of the matched route decides.
 * Node gives them to `upgrade` listeners, which no hook sees. After an answer the connection is closed, whether it is a
 * refusal or the route does not upgrade. Upgraded connections are ended when the app closes.
 *
 * ```ts
 * routeUpgrades(app)
 * app.get('/events', { schema: scopes.secure('devices:read') }, (request, reply) => {
 *   const upgrade = upgradeOf(request)
 *   if (upgrade === undefined) {
 *     return reply.code(426).headers({ upgrade: 'websocket', connection: 'upgrade, close' }).send()
 *   }
 *   reply.hijack()
 *   websockets.handleUpgrade(request.raw, upgrade.socket, upgrade.head, greet)
 * })
 * ```
 *
 * @throws OptionError when there is an `upgrade` listener already: it would get every request too, unguarded
 */
export function routeUpgrades (app: Upgradable): void {
  if (app.server.listenerCount('upgrade') > 0) {
    throw new OptionError('something listens for upgrades of this server already, and no guard sees what it accepts; ' +
      'call routeUpgrades once and without other listeners')
  }
  const open = new Set<Offer>()

  app.server.on('upgrade', function routeUpgrade (request, stream, head) {
    const { socket } = request
    for (const end of new Set([socket, stream])) end.on('error', () => end.destroy())
    const response = responseOn(socket, request)
    if (response === undefined) {
      socket.destroy()
      return
    }
    const offer = { socket: stream, head, taken: false }
    offers.set(request, offer)
    open.add(offer)
    socket.once('close', () => {
      open.delete(offer)
      if (!offer.taken && !response.writableEnded) request.destroy()
    })
    app.routing(request, response)
  })

  app.addHook('preClose', function endUpgraded (done) {
    for (const { socket, taken } of open) if (taken) socket.end(() => socket.destroy())
    done()
  })
}

/**
 * A response after which the connection is closed: Node's parser has left the socket, so no further request can follow.
 * Undefined where the socket is in use for the response to an earlier request, which the client did not wait for.
 */
function responseOn (socket: Socket, request: IncomingMessage): ServerResponse | undefined {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  try {
    response.assignSocket(socket)
  } catch {
    return undefined
  }
  response.once('finish', () => socket.destroySoon())
  return response
}

/**
 * The connection of an upgrade request that came through `routeUpgrades`; undefined for any other request. The handler
 * calls `reply.hijack()` before it writes to the socket, and closes it in the end.
 */
export function upgradeOf ({ raw }: { readonly raw: object }): Upgrade | undefined {
  const offer = offers.get(raw)
  if (offer !== undefined) offer.taken = true
  return offer
}
