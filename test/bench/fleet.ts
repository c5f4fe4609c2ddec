import { speed, type Row } from './contenders.js'
import { load, type Load } from './load.js'
import { Micros } from './messages.js'
import type { BenchRedis } from './redis.js'
import { median, rotate, startServer, type Plan, type Running } from './rounds.js'

/** How long an answer takes at a number of connections, in µs. */
export interface Latency {
  readonly name: string
  readonly connections: number
  readonly p50: number
  readonly p99: number
}

/** What a number of processes over one Redis do; CPU in µs a request, of all processes together. */
export interface Fleet {
  readonly name: string
  readonly processes: number
  readonly requestsPerSecond: number
  readonly cpuMicros: number
  readonly redisMicros: number
}

const CONNECTIONS = [10, 50, 200]
const PROCESSES = [1, 2, 4]
const rows = speed.filter(({ redis }) => redis)

/** Medians of rounds that alternate between the contenders. */
export async function latencies (folder: string, plan: Plan, say: (text: string) => void): Promise<Latency[]> {
  const servers: Running[] = []
  const measured: Latency[] = []
  try {
    for (const row of rows) servers.push(await startServer(folder, row, plan))
    for (const server of servers) await load({ ...server, ...plan, seconds: plan.seconds * plan.warmups })
    for (const connections of CONNECTIONS) {
      const taken = new Map<string, Load[]>(rows.map(({ name }) => [name, []]))
      for (let turn = -1; turn < plan.rounds; turn++) {
        for (const server of rotate(servers, turn + 1)) {
          const one = await load({ ...server, ...plan, connections })
          if (turn >= 0) taken.get(server.row.name)?.push(one)
        }
      }
      for (const [name, all] of taken) {
        const latency = { name, connections, p50: median(all.map(({ p50 }) => p50)), p99: median(all.map(({ p99 }) => p99)) }
        measured.push(latency)
        say(`latency  ${latency.p50.toFixed(0).padStart(6)} µs  ${name} at ${connections} connections`)
      }
    }
    return measured
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()))
  }
}

/** Each process has a load of its own, over its part of the connections. */
export async function fleets (folder: string, plan: Plan, redis: BenchRedis, say: (text: string) => void): Promise<Fleet[]> {
  const measured: Fleet[] = []
  for (const processes of PROCESSES) {
    for (const row of rows) {
      const fleet = await fleetOf(folder, row, processes, plan, redis)
      measured.push(fleet)
      say(`fleet    ${fleet.cpuMicros.toFixed(1).padStart(6)} µs  ${fleet.name} in ${processes} processes`)
    }
  }
  return measured
}

async function fleetOf (folder: string, row: Row, processes: number, plan: Plan, redis: BenchRedis): Promise<Fleet> {
  const servers: Running[] = []
  const connections = Math.ceil(plan.connections / processes)
  const cpu = async (): Promise<number> => sum(await Promise.all(servers.map(({ child }) => child.ask('cpu', null, Micros))))
  const loads = (seconds: number): Promise<Load[]> => Promise.all(servers.map((server) => load({ ...server, connections, seconds })))
  try {
    for (let n = 0; n < processes; n++) servers.push(await startServer(folder, row, plan))
    await loads(plan.seconds * plan.warmups)
    const [before, redisBefore] = [await cpu(), await redis.cpu()]
    const done = await loads(plan.seconds * plan.rounds)
    const [cpuMicros, redisMicros] = [await cpu() - before, await redis.cpu() - redisBefore]
    const requests = sum(done.map((one) => one.requests))
    return { name: row.name, processes, requestsPerSecond: sum(done.map((one) => one.requests / one.seconds)), cpuMicros: cpuMicros / requests, redisMicros: redisMicros / requests }
  } finally {
    await Promise.all(servers.map(({ child }) => child.stop()))
  }
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}
