import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { OptionError } from '../core/options.js'

/** A connection that its client wants to speak another protocol on (RFC 9110 §7.8). */
export interface Upgrade {
  readonly socket: Socket
  /** What the client sent after the request already. */
  readonly head: Buffer
}

/** What is asked of a Fastify instance over HTTP/1.1, with TLS or without. */
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
 * Sends upgrade requests through the app like any other request, so that the guard of the matched route decides. Node
 * gives them to `upgrade` listeners, which no hook sees. Refusals are ordinary answers, after which the connection is
 * closed, as it is after a route that answers without upgrading. Taken connections are ended when the app closes.
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
 * @throws OptionError when something listens already: it would get every request too, unguarded
 */
export function routeUpgrades (app: Upgradable): void {
  if (app.server.listenerCount('upgrade') > 0) {
    throw new OptionError('something listens for upgrades of this server already, and no guard sees what it accepts; ' +
      'call routeUpgrades once and without other listeners')
  }
  const open = new Set<Offer>()

  app.server.on('upgrade', function routeUpgrade (request, _socket, head) {
    const { socket } = request
    const offer = { socket, head, taken: false }
    offers.set(request, offer)
    open.add(offer)
    const response = responseOn(socket, request)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      open.delete(offer)
      if (!offer.taken && !response.writableEnded) request.destroy()
    })
    app.routing(request, response)
  })

  app.addHook('preClose', function endUpgraded (done) {
    for (const { socket, taken } of open) if (taken) socket.destroySoon()
    done()
  })
}

/** A response whose end is the connection's end: the parser has left the socket, so no second request can follow. */
function responseOn (socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => socket.destroySoon())
  return response
}

/**
 * The connection of an upgrade request that came through `routeUpgrades`; undefined for any other request. The handler
 * that speaks on it calls `reply.hijack()` first, and closes it in the end.
 */
export function upgradeOf ({ raw }: { readonly raw: object }): Upgrade | undefined {
  const offer = offers.get(raw)
  if (offer !== undefined) offer.taken = true
  return offer
}
