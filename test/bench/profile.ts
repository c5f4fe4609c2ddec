import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { speed, type Row } from './contenders.js'
import { CpuProfile, Done } from './messages.js'
import type { BenchRedis } from './redis.js'
import { round, startServer, type Plan } from './rounds.js'
import { table } from './table.js'

interface Cost { readonly area: string, readonly name: string, readonly micros: number }

/** Where the CPU time of a request goes, in µs a request: by area for all contenders, by function for Latchkey. */
export async function profile (folder: string, plan: Plan, redis: BenchRedis): Promise<string> {
  const costs = new Map<string, Cost[]>()
  for (const row of speed) costs.set(row.name, await costsOf(folder, row, plan, redis))
  const plain = costs.get('plain') ?? []
  return [byArea(costs), ...['latchkey-memory', 'latchkey-redis'].map((name) => byFunction(name, costs.get(name) ?? [], plain))].join('\n\n')
}

async function costsOf (folder: string, row: Row, plan: Plan, redis: BenchRedis): Promise<Cost[]> {
  const server = await startServer(folder, row, plan)
  try {
    for (let n = 0; n < plan.warmups; n++) await round(server, plan, redis)
    await server.child.ask('profile', null, Done)
    const { requests } = await round(server, { ...plan, seconds: 4 * plan.seconds }, redis)
    const { nodes, samples, timeDeltas } = await server.child.ask('profiled', null, CpuProfile)
    const micros = new Map<number, number>()
    samples.forEach((node, n) => micros.set(node, (micros.get(node) ?? 0) + (timeDeltas[n + 1] ?? 0)))
    return nodes
      .filter(({ callFrame }) => callFrame.functionName !== '(idle)')
      .map(({ id, callFrame }) => ({ ...locate(callFrame, folder), micros: (micros.get(id) ?? 0) / requests }))
  } finally {
    await server.child.stop()
  }
}

function locate ({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame'], folder: string): { area: string, name: string } {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return { area: name === '(garbage collector)' ? 'garbage collector' : 'native', name }
  if (url.startsWith('node:')) return { area: 'node', name: `${name} ${url}` }
  const file = relative(folder, fileURLToPath(url))
  const [, packageName] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(url.replace(folder, '')) ?? []
  const [, room] = /^lib\/(?:([a-z]+)\/)?/.exec(file) ?? []
  const area = file.startsWith('lib/') ? `latchkey ${room ?? 'ground'}` : file.startsWith('test/') ? 'the server\'s own' : packageName ?? 'other'
  return { area, name: `${name} ${file.replace(/^.*node_modules\//, '')}:${lineNumber + 1}` }
}

function sum (costs: readonly Cost[], by: (cost: Cost) => string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const cost of costs) sums.set(by(cost), (sums.get(by(cost)) ?? 0) + cost.micros)
  return sums
}

function byArea (costs: ReadonlyMap<string, readonly Cost[]>): string {
  const columns = [...costs.values()].map((list) => sum(list, ({ area }) => area))
  const most = (area: string): number => Math.max(...columns.map((sums) => sums.get(area) ?? 0))
  const areas = [...new Set(columns.flatMap((sums) => [...sums.keys()]))].filter((area) => most(area) >= 0.01)
  return table([
    ['µs per request in', ...costs.keys()],
    ...areas.sort((a, b) => most(b) - most(a)).map((area) => [area, ...columns.map((sums) => (sums.get(area) ?? 0).toFixed(2))]),
    ['all', ...columns.map((sums) => [...sums.values()].reduce((a, b) => a + b, 0).toFixed(2))]
  ])
}

/** What Latchkey costs over plain Fastify, dearest first: its own functions, and those of others that it makes run longer. */
function byFunction (of: string, costs: readonly Cost[], plain: readonly Cost[]): string {
  const without = sum(plain, ({ name }) => name)
  const top = [...sum(costs, ({ name }) => name)]
    .map(([name, micros]) => ({ name, micros, added: micros - (without.get(name) ?? 0) }))
    .sort((a, b) => b.added - a.added)
    .slice(0, 40)
  return table([
    [`self time in ${of}, µs per request`, 'added', 'all'],
    ...top.map(({ name, micros, added }) => [name, added.toFixed(3), micros.toFixed(3)])
  ])
}
