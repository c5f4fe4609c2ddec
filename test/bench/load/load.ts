import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { obey } from '../child.js'
import { Target, type Latencies } from '../messages.js'
import { openConnection, type Connection } from './connection.js'

let connections: Connection[] = []
let requests: Buffer[] = []
let fail: (error: Error) => void = (error) => { throw error }

/** Requests in the order they are sent: every credential in turn, and every path. */
function prepare ({ paths, keys }: Target): Buffer[] {
  return Array.from({ length: Math.max(paths.length, keys.length) }, (_, n) =>
    Buffer.from(`GET ${paths[n % paths.length]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${keys[n % keys.length]}\r\n\r\n`))
}

/** @param heard is told how many ms each answer took */
function send (count: number, heard: (milliseconds: number) => void = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    fail = reject
    let sent = 0
    let answered = 0
    const next = (connection: Connection): void => {
      const request = requests[sent % requests.length]
      if (request === undefined || sent === count) return
      sent++
      const began = performance.now()
      connection.send(request, () => {
        heard(performance.now() - began)
        if (++answered === count) resolve()
        else next(connection)
      })
    }
    connections.forEach(next)
  })
}

async function timed (count: number): Promise<Latencies> {
  const times: number[] = []
  await send(count, (milliseconds) => { times.push(milliseconds * 1000) })
  times.sort((a, b) => a - b)
  const quantile = (part: number): number => times[Math.floor(part * times.length)] ?? NaN
  return { p50: quantile(0.5), p99: quantile(0.99) }
}

obey({
  async open (value) {
    const target = Value.Decode(Target, value)
    requests = prepare(target)
    connections = Array.from({ length: target.connections }, () => openConnection(target.port, (error) => fail(error)))
    await send(target.connections)
  },
  send: (value) => send(Value.Decode(Type.Integer({ minimum: 1 }), value)),
  timed: (value) => timed(Value.Decode(Type.Integer({ minimum: 1 }), value)),
  close () {
    for (const connection of connections) connection.close()
    connections = []
  }
})
