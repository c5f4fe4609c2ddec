import { once } from 'node:events'
import { createServer } from 'node:https'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { obey } from '../child.js'
import { DEAD } from '../messages.js'

const Certificate = Type.Object({ key: Type.String(), cert: Type.String() })

// Answers every request with 204, and the path of the dead endpoint never.
obey({
  async listen (value) {
    const server = createServer(Value.Decode(Certificate, value), (request, response) => {
      request.resume()
      if (request.url !== DEAD) request.on('end', () => response.writeHead(204).end())
    })
    server.on('clientError', (_fault, socket) => { socket.destroy() })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return address !== null && typeof address === 'object' ? address.port : null
  }
})
