import { hash, randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** A server that guards the routes of the bench in one way. */
export interface Contender {
  readonly app: FastifyInstance
  /** API keys that may call every route. */
  readonly keys: readonly string[]
  /** API keys that must be refused, each with the status. A server that refuses nobody has none. */
  readonly refused: ReadonlyArray<readonly [key: string, status: number]>
}

export interface BuildOptions {
  /** Requests that each key has in a window. */
  readonly quota: number
  /** Where counters are kept; in memory without it. */
  readonly redisPort?: number
}

/** What the files of the contenders export as `build`. */
export type Build = (options: BuildOptions) => Promise<Contender>

/** API keys that the load uses in turn. */
export const KEYS = 1000
/** Seconds. */
export const WINDOW = 60

/** @param row `plain`, or the name of a contender's file and of where it counts: `latchkey-redis` */
export async function buildRow (row: string, redisPort: number, quota: number): Promise<Contender> {
  const [file, counters] = row.split('-')
  const { build }: { build: Build } = await import(`./${file}.js`)
  return build(counters === 'redis' ? { quota, redisPort } : { quota })
}

/** API keys as long as Latchkey's. */
export function randomKeys (count: number): string[] {
  return Array.from({ length: count }, () => `acme_live_${randomBytes(25).toString('hex').slice(1)}`)
}

export function digest (key: string): string {
  return hash('sha256', key, 'base64url')
}
