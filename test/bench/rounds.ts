import { load } from './load.js'
import type { Plan, Workload } from './plan.js'
import { startServer, type Server, type Site } from './server-process.js'

/** Medians over all rounds. Micros are microseconds of CPU for each request. */
export interface Figures {
  readonly userMicros: number
  readonly systemMicros: number
  /** User CPU above that of `plain` with the same workload. */
  readonly addedUserMicros: number
  /** Response times in microseconds. */
  readonly p50: number
  readonly p99: number
  readonly rps: number
  /** Of the redis-server. */
  readonly redisMicros?: number
}

/** By row, then by workload. */
export type Results = Record<string, Record<string, Figures>>

type Sample = Omit<Figures, 'addedUserMicros'>

/**
 * Every round starts all servers anew, because two processes of the same server can differ for as long as they run.
 * It calls them in another order than the last one, so that whatever else the machine does affects all rows alike.
 */
export async function measure (site: Site, plan: Plan, log: (text: string) => void): Promise<Results> {
  const samples = new Map<string, Sample[]>()
  for (let round = 0; round < plan.rounds; round++) {
    const servers: Server[] = []
    try {
      for (const row of plan.rows) servers.push(await startServer(site, row))
      for (const server of servers) await warmUp(server, plan)
      for (const workload of rotate(plan.workloads, round)) {
        for (const server of rotate(servers, round)) {
          const name = `${server.row} ${workload.name}`
          const sample = await measureOnce(site, server, workload, plan.seconds)
          samples.set(name, [...samples.get(name) ?? [], sample])
          log(`round ${round + 1} of ${plan.rounds}  ${sample.userMicros.toFixed(1).padStart(6)} µs  ${name}`)
        }
      }
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  }
  const samplesOf = (row: string, { name }: Workload): Sample[] => samples.get(`${row} ${name}`) ?? []
  const resultsOf = (row: string): Results[string] => Object.fromEntries(plan.workloads.map((workload) =>
    [workload.name, summarise(samplesOf(row, workload), samplesOf('plain', workload))]))
  return Object.fromEntries(plan.rows.map((row) => [row, resultsOf(row)]))
}

/** Calls each handler that is measured, so that V8 has compiled what a request runs through. */
export async function warmUp (server: Server, { workloads, seconds }: Plan): Promise<void> {
  for (const path of new Set(workloads.map(({ path }) => path))) await load(server, { path, connections: 50 }, seconds)
}

async function measureOnce (site: Site, server: Server, workload: Workload, seconds: number): Promise<Sample> {
  const redisBefore = await site.redisCpu()
  const before = await server.ask<NodeJS.CpuUsage>('cpu')
  const { requests, p50, p99, rps } = await load(server, workload, seconds)
  const after = await server.ask<NodeJS.CpuUsage>('cpu')
  const redisAfter = await site.redisCpu()
  return {
    userMicros: (after.user - before.user) / requests,
    systemMicros: (after.system - before.system) / requests,
    p50,
    p99,
    rps,
    ...server.row.endsWith('-redis') && { redisMicros: (redisAfter - redisBefore) / requests }
  }
}

function summarise (samples: readonly Sample[], plain: readonly Sample[]): Figures {
  const middle = (field: keyof Sample, of = samples): number => median(of.map((sample) => sample[field] ?? NaN))
  return {
    userMicros: middle('userMicros'),
    systemMicros: middle('systemMicros'),
    addedUserMicros: round2(middle('userMicros') - middle('userMicros', plain)),
    p50: middle('p50'),
    p99: middle('p99'),
    rps: middle('rps'),
    ...samples[0]?.redisMicros !== undefined && { redisMicros: middle('redisMicros') }
  }
}

function rotate<T> (items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return round2(((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2)
}

function round2 (value: number): number {
  return Math.round(value * 100) / 100
}
