import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** The redis-server of one run of the bench. */
export interface BenchRedis {
  readonly port: number
  /** Microseconds of user and system time since it started. */
  cpu (): Promise<number>
}

/** Contenders find it by this variable of the environment. */
export const REDIS_PORT = 'LATCHKEY_BENCH_REDIS_PORT'

/** @param use gets a Redis without persistence, which is gone afterwards */
export async function withRedis<T> (use: (redis: BenchRedis) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-redis-'))
  const port = await freePort()
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder], { stdio: 'ignore' })
  const failed = once(server, 'error').then(([error]) => { throw new Error(`redis-server does not start; install it (${error.code})`) })
  const ended = once(server, 'exit')
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 20 })
  client.on('error', () => {})
  try {
    await Promise.race([client.ping(), failed])
    process.env[REDIS_PORT] = String(port)
    return await use({ port, cpu: async () => cpuOf(await client.info('cpu')) })
  } finally {
    client.disconnect()
    if (server.pid !== undefined) {
      server.kill()
      await ended
    }
    await rm(folder, { recursive: true, force: true })
  }
}

async function freePort (): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

function cpuOf (info: string): number {
  const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]))
  return seconds.reduce((sum, one) => sum + one, 0) * 1_000_000
}
