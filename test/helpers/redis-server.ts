import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { portOf } from './doors.js'
import { start, type Child } from './child.js'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Another connection for the test itself, closed with the server. */
  client (): Redis
  signal (signal: NodeJS.Signals): void
  /** Ends it with SIGKILL and waits for that. */
  kill (): Promise<void>
  /** Starts it on the same port, as empty as at first. */
  restart (): Promise<void>
}

/** What a test has to clean up; a tap test, or what stands in for one. */
export interface Owner { teardown (clean: () => unknown): void }

/** A port that was free a moment ago. */
export async function freePort (): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const port = portOf(probe)
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** A redis-server of the test's own, without persistence; gone when the test ends, however it ends. */
export async function startRedis (owner: Owner, args: readonly string[] = [], program = 'redis-server'): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  const port = await freePort()
  const clients: Redis[] = []
  let child: Child | undefined

  async function boot (): Promise<void> {
    child = start([program, '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no', '--dir', folder, ...args], folder)
    child.on('error', () => {})
    child.stderr.resume()
    child.stdout.resume()
    await answers(port, child)
  }

  async function kill (): Promise<void> {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'exit')
    running.kill('SIGKILL')
    await ended
  }

  owner.teardown(async () => {
    for (const client of clients) client.disconnect()
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  await boot()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client () {
      const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    signal: (signal) => { child?.kill(signal) },
    kill,
    restart: boot
  }
}

async function answers (port: number, child: Child): Promise<void> {
  for (let tries = 0; tries < 1000 && child.exitCode === null; tries++) {
    if (/^(\+PONG|-NOAUTH)/.test(await ping(port))) return
    await pause(10)
  }
  throw new Error('redis-server did not start; install redis-server (and redis-sentinel) to run these tests')
}

/** What a server says to PING; nothing where there is none. */
function ping (port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(''))
    socket.once('data', (chunk) => { resolve(chunk.toString()); socket.destroy() })
    socket.write('PING\r\n')
  })
}
