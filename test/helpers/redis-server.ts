import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'
import { onFreePort } from './ports.js'
import type { Ending } from './ending.js'
import { startProgram, type Program } from './programs.js'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Another connection for the test itself, closed with the server. */
  client (options?: Omit<RedisOptions, 'replyMapping'>): Redis
  /** Stands still, as on a machine that hangs. */
  freeze (): void
  thaw (): void
  /** Ends it with SIGKILL and waits for that. */
  kill (): Promise<void>
  /** Starts it on the same port, as empty as at first. */
  restart (): Promise<void>
}

/** A redis-server of the test's own, without persistence; gone when the test ends, however it ends. */
export async function startRedis (t: Ending, args: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  let program: Program | undefined
  async function boot (port: number): Promise<number> {
    program = await startProgram(['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...args], folder, /ready to accept/i)
    return port
  }
  async function kill (): Promise<void> {
    const ending = program
    program = undefined
    ending?.thaw()
    ending?.signal('SIGKILL')
    await ending?.gone
  }
  t.teardown(kill)
  const port = await onFreePort(boot)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client (options = {}) {
      const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, ...options })
      client.on('error', () => {})
      t.teardown(() => client.disconnect())
      return client
    },
    freeze: () => program?.freeze(),
    thaw: () => program?.thaw(),
    kill,
    restart: async () => { await boot(port) }
  }
}
