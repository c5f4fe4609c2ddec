import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'

/** A listening server with its address. */
export interface Listening {
  readonly url: string
  close (): Promise<void>
}

/** Listens on a free port of this machine, or on `port`. */
export async function listenOn (server: Server, port = 0): Promise<Listening> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

/**
 * Stands in for the proxy at which TLS ends in production, so that a browser on this machine reaches an API that
 * answers over HTTPS alone. Whatever comes is passed on with `X-Forwarded-Proto: https`.
 *
 * @param target the API's server; asked for its port with each request
 */
export async function startFront (target: Server): Promise<Listening> {
  const front = createServer((incoming, outgoing) => {
    const address = target.address()
    const port = address === null || typeof address === 'string' ? undefined : address.port
    const { method, url: path, headers } = incoming
    const passed = request({ host: '127.0.0.1', port, method, path, headers: { ...headers, 'x-forwarded-proto': 'https' } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.once('error', () => outgoing.destroy())
    outgoing.once('close', () => passed.destroy())
    incoming.pipe(passed)
  })
  return await listenOn(front)
}
