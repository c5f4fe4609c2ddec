import { withEnding } from '../helpers/ending.js'
import { startRedis } from '../helpers/redis-server.js'
import { REDIS_PORT } from './servers/contender.js'

/** The redis-server of one run of the bench. */
export interface BenchRedis {
  readonly port: number
  /** Microseconds of user and system time since it started. */
  cpu (): Promise<number>
}

/** @param use gets a Redis without persistence, which is gone afterwards */
export async function withRedis<T> (use: (redis: BenchRedis) => Promise<T>): Promise<T> {
  return withEnding(async (ending) => {
    const { port, client } = await startRedis(ending)
    const asked = client()
    process.env[REDIS_PORT] = String(port)
    return use({ port, cpu: async () => cpuOf(await asked.info('cpu')) })
  })
}

function cpuOf (info: string): number {
  const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]))
  return seconds.reduce((sum, one) => sum + one, 0) * 1_000_000
}
