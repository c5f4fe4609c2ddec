import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { portOf } from './doors.js'
import type { Ending } from './ending.js'

const READONLY = '-ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): @user_script:1: ' +
  '@user_script: 1: -READONLY You can\'t write against a read only replica. \r\n'

/** Answers as a Redis 6.2 that is a replica: every script is refused in that version's words. */
export async function startReplica (owner: Ending): Promise<{ readonly port: number, connections (): number }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const [, command = ''] of chunk.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        socket.write(/^eval/i.test(command) ? READONLY : '+OK\r\n')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { port: portOf(server), connections: () => connections }
}
