import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Ending } from './ending.js'
import { portOf } from './doors.js'

/** What PgBouncer takes of a startup packet; it refuses all else unless it is told to ignore it. */
const KNOWN = new Set(['user', 'database', 'client_encoding', 'application_name', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'replication'])

/** A proxy that refuses startup parameters as PgBouncer does. @param url by a socket in a folder @returns the URL of a database through it */
export async function startBouncer (t: Ending, url: string): Promise<string> {
  const { searchParams, pathname, username } = new URL(url.replace('@/', '@localhost/'))
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    sockets.add(client.on('error', () => {}))
    client.once('data', (packet) => {
      const [unknown] = parametersOf(packet).filter((name) => !KNOWN.has(name))
      if (unknown !== undefined) {
        client.end(refusal(`unsupported startup parameter: ${unknown}`))
        return
      }
      const upstream = connect(`${searchParams.get('host')}/.s.PGSQL.5432`)
      sockets.add(upstream.on('error', () => {}))
      upstream.write(packet)
      client.pipe(upstream).pipe(client)
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return `postgres://${username}@127.0.0.1:${portOf(proxy)}${pathname}`
}

/** A startup packet is its length, a version, and names and values that end with zeros. */
function parametersOf (packet: Buffer): string[] {
  return packet.toString('latin1', 8).split('\0').filter((name, i) => i % 2 === 0 && name !== '')
}

function refusal (message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${message}\0\0`)
  const packet = Buffer.concat([Buffer.from('E0000'), fields])
  packet.writeInt32BE(packet.length - 1, 1)
  return packet
}
