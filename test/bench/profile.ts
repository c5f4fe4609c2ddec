import type { Profiler, Runtime } from 'node:inspector'
import { pathToFileURL } from 'node:url'
import { load } from './load.js'
import type { Plan } from './plan.js'
import { warmUp } from './rounds.js'
import { startServer, type Site } from './server-process.js'

/** Functions that are listed of each group. */
const TOP = 12

/** Where the CPU time of a request goes: self time of functions, grouped, in microseconds for each request. */
export async function profile (site: Site, plan: Plan): Promise<string> {
  const [row = 'plain'] = plan.rows
  const [workload] = plan.workloads
  if (workload === undefined) throw new TypeError('--profile needs a row and a workload')
  const server = await startServer(site, row)
  try {
    await warmUp(server, plan)
    await server.ask('start-profile')
    const { requests } = await load(server, workload, plan.seconds)
    const groups = selfTimes(await server.ask('stop-profile'), requests, pathToFileURL(site.folder).href)
    return render(`${row} ${workload.name}, self time in µs a request`, groups)
  } finally {
    await server.stop()
  }
}

type Groups = Map<string, Map<string, number>>

function selfTimes (profile: Profiler.Profile, requests: number, folder: string): Groups {
  const { nodes, samples = [], timeDeltas = [] } = profile
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const groups: Groups = new Map()
  samples.forEach((id, n) => {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') return
    const [group, name] = locate(frame, folder)
    const functions = groups.get(group) ?? new Map<string, number>()
    groups.set(group, functions.set(name, (functions.get(name) ?? 0) + (timeDeltas[n + 1] ?? 0) / requests))
  })
  return groups
}

function locate ({ functionName, url, lineNumber }: Runtime.CallFrame, folder: string): [group: string, name: string] {
  const file = url.replace(`${folder}/`, '').replace(/^.*\/node_modules\//, '')
  const name = `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`
  if (url === '') return ['V8 and native code', functionName]
  if (url.startsWith('node:')) return ['node internals', name]
  if (!url.startsWith(folder)) return [/^(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? file, name]
  return [file.startsWith('lib/') ? 'latchkey' : 'the server itself', name]
}

function render (title: string, groups: Groups): string {
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0)
  const line = (micros: number, text: string): string => `${micros.toFixed(2).padStart(8)}  ${text}`
  const totals = [...groups].map(([group, functions]) => ({ group, functions, total: sum(functions.values()) }))
  return [
    line(sum(totals.map(({ total }) => total)), title),
    ...totals.sort((a, b) => b.total - a.total).flatMap(({ group, functions, total }) => [
      line(total, group),
      ...[...functions].sort(([, a], [, b]) => b - a).slice(0, TOP).map(([name, micros]) => line(micros, `  ${name}`))
    ])
  ].join('\n')
}
