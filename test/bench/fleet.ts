import type { Child } from './child.js'
import { speed, type Row } from './contenders.js'
import { Done, Latencies, Micros } from './messages.js'
import type { BenchRedis } from './redis.js'
import { median, rotate, startLoad, startServer, type Plan, type Running } from './rounds.js'

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
  const load = startLoad(folder)
  const servers: Running[] = []
  const measured: Latency[] = []
  try {
    for (const row of rows) servers.push(await startServer(folder, row, plan))
    for (const connections of CONNECTIONS) {
      const taken = new Map<string, Latencies[]>(rows.map(({ name }) => [name, []]))
      for (let turn = -1; turn < plan.groups; turn++) {
        for (const { row, listening } of rotate(servers, turn + 1)) {
          await load.ask('open', { ...listening, connections }, Done)
          const latencies = await load.ask('timed', plan.requests, Latencies)
          await load.ask('close', null, Done)
          if (turn >= 0) taken.get(row.name)?.push(latencies)
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
    await Promise.all([load, ...servers.map(({ child }) => child)].map((child) => child.stop()))
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
  const loads: Child[] = []
  const cpu = async (): Promise<number> => (await Promise.all(servers.map(({ child }) => child.ask('cpu', null, Micros)))).reduce((sum, one) => sum + one, 0)
  const send = (requests: number): Promise<unknown> => Promise.all(loads.map((load) => load.ask('send', Math.ceil(requests / processes), Done)))
  try {
    for (let n = 0; n < processes; n++) {
      const server = await startServer(folder, row, plan)
      const load = startLoad(folder)
      servers.push(server)
      loads.push(load)
      await load.ask('open', { ...server.listening, connections: Math.ceil(plan.connections / processes) }, Done)
    }
    for (let n = 0; n < plan.warmups; n++) await send(plan.requests * processes)
    const total = plan.requests * plan.rounds
    const [before, redisBefore, began] = [await cpu(), await redis.cpu(), performance.now()]
    await send(total)
    const seconds = (performance.now() - began) / 1000
    return { name: row.name, processes, requestsPerSecond: total / seconds, cpuMicros: (await cpu() - before) / total, redisMicros: (await redis.cpu() - redisBefore) / total }
  } finally {
    await Promise.all([...loads, ...servers.map(({ child }) => child)].map((child) => child.stop()))
  }
}
