import { join } from 'node:path'
import { startChild, type Child } from './child.js'
import type { Row } from './contenders.js'
import { load } from './load.js'
import { Done, Listening, Micros } from './messages.js'
import { probe } from './probe.js'
import type { BenchRedis } from './redis.js'

export interface Plan {
  /** Times that all contenders are started anew: of two processes of one server, one can be faster for as long as they run. */
  readonly groups: number
  /** Rounds of each contender in a group before those that count. */
  readonly warmups: number
  /** Rounds of each contender in a group that count. */
  readonly rounds: number
  /** Of one round. */
  readonly seconds: number
  readonly connections: number
  /** Lets V8 compile and collect on threads of its own, as in production. */
  readonly threads: boolean
}

/**
 * Compiling and collecting on the one thread costs the same CPU time, which is counted either way, but happens at the same
 * points of every run. With threads, plain Fastify ends up in one of two states that are 2.5 µs a request apart.
 */
const STEADY = ['--single-threaded']
/** A full collection moves what it keeps together, as those of a process that runs for long do in time. */
const SETTLING = ['--expose-gc', '--compact-on-every-full-gc']

export interface Measured {
  /** Median CPU time of the server process per request, user and system, in µs. */
  readonly cpuMicros: number
  /** Median over the groups of: CPU time of the base in the group / CPU time of this one. */
  readonly ratio: number
  /** CPU time of the rival in a group / CPU time of this one: median of the groups, least and most. */
  readonly rival?: { readonly name: string, readonly ratio: number, readonly least: number, readonly most: number }
  /** Median CPU time of Redis per request, in µs, for contenders that use one. */
  readonly redisMicros?: number
}

/** CPU times of one round per request, in µs. */
export interface Spent {
  readonly own: number
  readonly redis: number
}

export interface Running {
  readonly row: Row
  /** Of the compiled files. */
  readonly folder: string
  readonly child: Child
  readonly listening: Listening
}

export async function startServer (folder: string, row: Row, plan: Pick<Plan, 'threads'>): Promise<Running> {
  const [server] = await startTogether(folder, [row], plan)
  if (server === undefined) throw new Error('no server was started')
  return server
}

/** One process for all of them. */
async function startTogether (folder: string, rows: readonly Row[], { threads }: Pick<Plan, 'threads'>): Promise<Running[]> {
  const child = startChild(join(folder, 'test/bench/servers/serve.js'), [rows.map(({ server }) => server).join(), JSON.stringify(rows[0]?.shape)], threads ? SETTLING : [...STEADY, ...SETTLING])
  const running: Running[] = []
  for (const row of rows) {
    const listening = await child.ask('listening', row.server, Listening)
    await probe(row, listening)
    running.push({ row, folder, child, listening })
  }
  return running
}

/** A process for each row, or for those together that stand beside each other. */
function byProcess (rows: readonly Row[]): ReadonlyArray<readonly Row[]> {
  return rows.map((row) => row.beside === undefined ? [row] : rows.filter(({ beside }) => beside === row.beside))
    .filter(([first], n) => first === rows[n])
}

/**
 * One round of load on one server, whose connections are made in it.
 * No garbage collection is forced between rounds: a full one makes V8 drop code, and a third of the round goes into getting it back.
 */
export async function round (server: Running, plan: Pick<Plan, 'connections' | 'seconds'>, redis: BenchRedis): Promise<Spent & { readonly requests: number }> {
  const { row, child } = server
  const redisCpu = async (): Promise<number> => row.redis === undefined ? 0 : redis.cpu()
  const redisBefore = await redisCpu()
  const before = await child.ask('cpu', null, Micros)
  const { requests } = await load({ ...server, ...plan })
  const after = await child.ask('cpu', null, Micros)
  const redisAfter = await redisCpu()
  return { own: (after - before) / requests, redis: (redisAfter - redisBefore) / requests, requests }
}

/** Medians over groups of interleaved rounds, and in each of them over its rounds: what else the machine does meets all alike, and few of the rounds. */
export async function compare (folder: string, rows: readonly Row[], plan: Plan, redis: BenchRedis, say: (text: string) => void): Promise<Map<string, Measured>> {
  const taken = new Map<string, Spent[]>(rows.map(({ name }) => [name, []]))
  for (let group = 0; group < plan.groups; group++) {
    for (const [name, spent] of await compareOnce(folder, rotate(rows, group), plan, redis)) {
      taken.get(name)?.push(spent)
      say(`group ${group + 1}/${plan.groups}  ${spent.own.toFixed(1).padStart(6)} µs  ${name}`)
    }
  }
  return new Map(rows.map((row) => [row.name, summarise(row, taken)]))
}

/**
 * One group: every contender in a new process, rounds in the order A B C, B C A, … Medians over its rounds.
 * All settle after the first: what requests have left to be kept (records that were loaded, tokens that were verified) lies
 * scattered among what they dropped, one to a page of memory, and costs a tenth of a request until it is moved together.
 */
async function compareOnce (folder: string, rows: readonly Row[], plan: Plan, redis: BenchRedis): Promise<Map<string, Spent>> {
  const servers: Running[] = []
  const rounds = new Map<string, Spent[]>(rows.map(({ name }) => [name, []]))
  try {
    for (const together of byProcess(rows)) servers.push(...await startTogether(folder, together, plan))
    for (let turn = -plan.warmups; turn < plan.rounds; turn++) {
      for (const server of rotate(servers, turn + plan.warmups)) {
        const spent = await round(server, plan, redis)
        if (turn >= 0) rounds.get(server.row.name)?.push(spent)
      }
      if (turn === -plan.warmups) for (const child of childrenOf(servers)) await child.ask('settle', null, Done)
    }
    return new Map([...rounds].map(([name, spent]) => [name, { own: median(spent.map(({ own }) => own)), redis: median(spent.map((one) => one.redis)) }]))
  } finally {
    await Promise.all([...childrenOf(servers)].map((child) => child.stop()))
  }
}

function childrenOf (servers: readonly Running[]): Set<Child> {
  return new Set(servers.map(({ child }) => child))
}

function summarise ({ name, base, rival, redis }: Row, taken: ReadonlyMap<string, readonly Spent[]>): Measured {
  const spent = taken.get(name) ?? []
  const timesOf = (other: string): number[] => spent.map(({ own }, group) => (taken.get(other)?.[group]?.own ?? NaN) / own)
  return {
    cpuMicros: median(spent.map(({ own }) => own)),
    ratio: median(timesOf(base)),
    ...rival !== undefined && { rival: { name: rival, ...spread(timesOf(rival)) } },
    ...redis && { redisMicros: median(spent.map((one) => one.redis)) }
  }
}

function spread (ratios: readonly number[]): { readonly ratio: number, readonly least: number, readonly most: number } {
  return { ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
}

/** `items` from the one at `by` on, and around. */
export function rotate<T> (items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
}
