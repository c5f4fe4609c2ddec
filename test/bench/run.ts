import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { withCompiled } from './compile.js'
import { counterCosts } from './counters.js'
import { fleets, latencies } from './fleet.js'
import { growth, held, speed, type Row } from './contenders.js'
import { heapPerCredential } from './heap.js'
import { profile } from './profile.js'
import { asJson, asText, type Results } from './report.js'
import { withRedis, type BenchRedis } from './redis.js'
import { compare, type Plan } from './rounds.js'
import { keyStores } from './stores.js'
import { webhookFigures } from './webhooks.js'

const HELP = `npm run bench -- [--json] [--smoke] [--profile] [--only speed|growth|held|heap|stores|redis|webhooks] [--rows NAMES] [--threads]
  --json     one JSON object on stdout, nothing else
  --smoke    few requests: shows that everything runs, its numbers say nothing
  --profile  where the CPU time of a request goes, instead of how much it is
  --only     one part
  --rows     these rows of speed, growth and held alone, by name and comma; what they are compared to is measured too
  --threads  with V8's threads, as in production: CPU times then differ from process to process, plain Fastify's by a fifth
It starts redis-server and, for load, wrk: apt-get install redis-server wrk`

const { values: { help, json, smoke, profile: profiling, only, rows, threads } } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    only: { type: 'string' },
    rows: { type: 'string' },
    threads: { type: 'boolean', default: false }
  }
})

const parts = ['speed', 'growth', 'held', 'heap', 'stores', 'redis', 'webhooks']
if (only !== undefined && !parts.includes(only)) throw new TypeError(`--only is one of ${parts.join(', ')}, not ${only}`)

const plan: Plan = smoke
  ? { groups: 1, warmups: 1, rounds: 1, seconds: 0.1, connections: 50, threads }
  : { groups: 5, warmups: 16, rounds: 9, seconds: 0.5, connections: 50, threads }
const credentials = smoke ? 10_000 : 1_000_000

/** @throws TypeError where no row has one of these names */
function chosen (all: readonly Row[]): readonly Row[] {
  if (rows === undefined) return all
  const names = new Set(rows.split(','))
  const wanted = all.filter(({ name }) => names.has(name))
  if (wanted.length === 0) throw new TypeError(`--rows is some of ${all.map(({ name }) => name).join(', ')}`)
  const others = new Set(wanted.flatMap(({ base, rival = base }) => [base, rival]))
  return all.filter((row) => wanted.includes(row) || others.has(row.name))
}

function say (progress: string): void {
  console.error(progress)
}

async function measure (folder: string, redis: BenchRedis): Promise<Results> {
  const wants = (part: string): boolean => only === undefined || only === part
  return {
    ...wants('speed') && { speed: await compare(folder, chosen(speed), plan, redis, say) },
    ...wants('growth') && { growth: await compare(folder, chosen(growth), plan, redis, say) },
    ...wants('heap') && { heap: await heapPerCredential(folder, credentials, say) },
    ...wants('held') && { held: await compare(folder, chosen(held), plan, redis, say) },
    ...wants('stores') && { stores: await keyStores(credentials, smoke ? 20 : 400, say) },
    ...wants('redis') && { redis: await overRedis(folder, redis) },
    ...wants('webhooks') && { webhooks: await webhookFigures(folder, redis, smoke ? 100 : 4000, smoke ? 1000 : 100_000, say) }
  }
}

async function overRedis (folder: string, redis: BenchRedis): Promise<NonNullable<Results['redis']>> {
  return {
    latencies: await latencies(folder, plan, say),
    fleets: await fleets(folder, plan, redis, say),
    counters: await counterCosts(redis.port, credentials, smoke ? 1_000 : 200_000, redis, say)
  }
}

async function report (folder: string): Promise<string> {
  return withRedis(async (redis) => {
    if (profiling) return profile(folder, plan, redis)
    const results = await measure(folder, redis)
    return json ? asJson(results) : asText(results)
  })
}

if (help) {
  console.log(HELP)
} else {
  const [busy = 0] = loadavg()
  if (busy > availableParallelism() / 2) say(`the machine is busy (load average ${busy.toFixed(1)}): all numbers rise, plain's most, and ratios with them`)
  console.log(await withCompiled(report))
}
