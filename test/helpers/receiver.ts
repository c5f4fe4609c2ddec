import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import type { Ending } from './ending.js'
import { selfSigned } from './tls.js'

export interface Received { readonly path: string, readonly headers: IncomingHttpHeaders, readonly body: string }

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void

/** Ways in which receivers misbehave, by path; every other path answers 204. */
const behaviours: Readonly<Record<string, Behaviour>> = {
  '/redirect': (_request, response) => { response.writeHead(302, { location: '/ok' }).end() },
  '/gone': (_request, response) => { response.writeHead(410).end() },
  '/busy': (_request, response) => { response.writeHead(429, { 'retry-after': '700' }).end() },
  '/broken': (_request, response) => { response.writeHead(500).end('a text that nobody stores') },
  '/silent': () => {},
  '/slow-headers': ({ socket }) => { socket.write('HTTP/1.1 200 OK\r\nx-slow: ') },
  '/huge-headers': (_request, response) => { response.writeHead(200, { 'x-huge': 'x'.repeat(20_000) }).end() },
  '/reset': ({ socket }) => { socket.destroy() },
  '/upgrade': ({ socket }) => { socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n') },
  '/endless' (_request, response) {
    response.writeHead(200)
    const more = (): void => { while (response.write('x'.repeat(10_000)) && !response.destroyed); }
    response.on('drain', more)
    more()
  },
  '/endless-500' (_request, response) {
    response.writeHead(500)
    response.write('x'.repeat(100_000))
  },
  '/stalls': (_request, response) => { response.writeHead(200, { 'content-length': '10' }).write('x') },
  '/cut' (_request, response) {
    response.writeHead(200, { 'content-length': '10' })
    response.write('x', () => response.destroy())
  }
}

/** An HTTPS server on a port of this machine, which records what it receives. */
export async function startReceiver (t: Ending) {
  const { key, cert } = selfSigned()
  const received: Received[] = []
  const listeners = new Set<() => void>()
  const server = createServer({ key, cert }, async (request, response) => {
    const { url: path = '', headers } = request
    received.push({ path, headers, body: await text(request) })
    for (const listener of listeners) listener()
    const behave = Object.hasOwn(made, path) ? made[path] : behaviours[path]
    if (behave === undefined) response.writeHead(204).end()
    else behave(request, response)
  })
  server.on('clientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const made: Record<string, Behaviour> = {}
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return {
    cert,
    port,
    received,
    /** Behaviours of this receiver's own, by path. */
    made,
    url: (path = '/ok') => `https://localhost:${port}${path}`,
    /** Waits until so many have come. */
    async count (least: number, path?: string): Promise<Received[]> {
      const all = (): Received[] => received.filter((one) => path === undefined || one.path === path)
      while (all().length < least) {
        const { promise, resolve } = deferred()
        listeners.add(resolve)
        await promise
        listeners.delete(resolve)
      }
      return all()
    }
  }
}

function deferred (): { promise: Promise<void>, resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((_resolve) => { resolve = _resolve })
  return { promise, resolve }
}

/** What the official receiver's library makes of a delivery. @throws where it does not verify */
export function verified (secret: string, { headers, body }: Received): { type: string, timestamp: string, data: object } {
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  return JSON.parse(JSON.stringify(new Webhook(secret).verify(body, given)))
}
