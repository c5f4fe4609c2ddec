import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { run } from './child.js'
import { freePort, startProgram, type Ending, type Program } from './programs.js'

/** A Redis of its own on a free port, which keeps nothing. */
export interface RedisServer {
  readonly port: number
  /** Disconnected when the test ends. */
  client (options?: Omit<RedisOptions, 'replyMapping'>): Redis
  start (): Promise<void>
  stop (): Promise<void>
  freeze (): void
  thaw (): void
}

export async function startRedis (t: Ending, ...args: readonly string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-redis-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  let program: Program | undefined
  async function start (): Promise<void> {
    program = await startProgram(['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no', ...args], folder, /Ready to accept/i)
  }
  async function stop (): Promise<void> {
    const ending = program
    program = undefined
    ending?.thaw()
    ending?.signal('SIGKILL')
    await ending?.gone
  }
  t.teardown(stop)
  await start()
  return {
    port,
    client (options = {}) {
      const client = new Redis({ port, host: '127.0.0.1', ...options })
      client.on('error', () => {})
      t.teardown(() => client.disconnect())
      return client
    },
    start,
    stop,
    freeze: () => program?.freeze(),
    thaw: () => program?.thaw()
  }
}

/** Three masters that share the slots. */
export async function startCluster (t: Ending): Promise<Cluster> {
  const servers = await Promise.all([1, 2, 3].map(() => startRedis(t, '--cluster-enabled', 'yes', '--cluster-node-timeout', '2000')))
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`)
  const made = await run(['redis-cli', '--cluster', 'create', ...nodes, '--cluster-yes'])
  if (made.code !== 0) throw new Error(`redis-cli: ${made.stdout}${made.stderr}`)
  const cluster = new Cluster(servers.map(({ port }) => ({ host: '127.0.0.1', port })))
  cluster.on('error', () => {})
  t.teardown(() => cluster.disconnect())
  return cluster
}
