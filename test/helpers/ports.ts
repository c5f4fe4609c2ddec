import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below the ports that the system gives to outgoing connections: one of those may be given away, or be met by the very
 * connection that looks whether a server listens there, before the server starts. Above these are as many for the
 * Cluster bus, which is 10,000 higher.
 */
const PORTS = [10_000, 20_000] as const

/** A port of the loopback that is free now, and that nothing connects from. */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS)
    if (await isFree(port)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const free = await once(server, 'listening').then(() => true, () => false)
  await new Promise((resolve) => server.close(resolve))
  return free
}

/** Starts something on a free port, and on another one where somebody was quicker. */
export async function onFreePort<T> (start: (port: number) => Promise<T>): Promise<T> {
  for (let triesLeft = 5; ; triesLeft--) {
    try {
      return await start(await freePort())
    } catch (fault) {
      if (triesLeft === 0 || !/address already in use|could not create server tcp listening socket|failed listening/i.test(String(fault))) throw fault
    }
  }
}
