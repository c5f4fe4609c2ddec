import { execFile } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs, promisify } from 'node:util'
import { withEnding } from '../helpers/ending.js'
import { startRedis } from '../helpers/redis-server.js'
import { withCompiled } from './compile.js'
import { pick, ROWS, WORKLOADS, type Plan } from './plan.js'
import { profile } from './profile.js'
import { measure, type Results } from './rounds.js'
import { checkServer } from './server-process.js'

const names = { rows: [...ROWS.keys()].join(), workloads: [...WORKLOADS.keys()].join() }
const HELP = `npm run bench -- [options]          (needs redis-server and wrk)
  --json                  one JSON object for each version of Node.js, one on each line
  --smoke                 short: checks that all rows answer as they should; its figures mean nothing
  --profile ROW WORKLOAD  where the CPU time of a request goes, instead of how much it is
  --nodes NAMES           installed,24 by default
  --rows NAMES            ${names.rows}
  --workloads NAMES       ${names.workloads}
  --rounds N              7 by default
  --seconds N             2 by default: of load, for each row and workload in each round`

const { values: { smoke, ...values }, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--profile'),
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    profile: { type: 'string' },
    nodes: { type: 'string', default: 'installed,24' },
    rows: { type: 'string', default: names.rows },
    workloads: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' }
  }
})

function readPlan (): Plan {
  const rows = pick(ROWS, values.profile ?? values.rows)
  return {
    // All other rows are compared to plain.
    rows: values.profile === undefined ? ['plain', ...rows.filter((row) => row !== 'plain')] : rows,
    workloads: pick(WORKLOADS, positionals[0] ?? values.workloads ?? (smoke ? 'at-once-10,wait-10' : names.workloads)),
    rounds: Number(values.rounds ?? (smoke ? 1 : 7)),
    seconds: Number(values.seconds ?? (smoke ? 1 : 2))
  }
}

/** @param name `installed` for the Node.js that runs this, or a version that npm provides, as in `24` */
async function findNode (name: string): Promise<{ version: string, path: string }> {
  if (name === 'installed') return { version: process.version, path: process.execPath }
  const script = 'console.log(JSON.stringify({ version: process.version, path: process.execPath }))'
  const { stdout } = await promisify(execFile)('npx', ['-y', '-p', `node@${name}`, '--', 'node', '--eval', script])
  return JSON.parse(stdout)
}

function runOn (node: { version: string, path: string }, folder: string, plan: Plan): Promise<void> {
  return withEnding(async (ending) => {
    const { port: redisPort, client } = await startRedis(ending)
    const redis = client()
    const redisCpu = async (): Promise<number> => {
      const seconds = (await redis.info('cpu')).matchAll(/^used_cpu_(?:user|sys):(\S+)/gm)
      return [...seconds].reduce((sum, [, value]) => sum + Number(value) * 1e6, 0)
    }
    const site = { node: node.path, folder, redisPort, redisCpu }
    if (values.profile !== undefined) return console.log(`Node ${node.version}\n${await profile(site, plan)}\n`)
    for (const row of plan.rows) await checkServer(site, row)
    console.error(`Node ${node.version}: all rows answer as they should`)
    const rows = await measure(site, plan, console.error)
    if (values.json) console.log(JSON.stringify({ node: node.version, rows }))
    else printTables(node.version, rows)
  })
}

function printTables (node: string, results: Results): void {
  const rows = Object.entries(results)
  for (const workload of Object.keys(rows[0]?.[1] ?? {})) {
    console.log(`Node ${node}, ${workload}`)
    console.table(Object.fromEntries(rows.map(([row, figures]) => [row, figures[workload]])))
  }
}

if (values.help) {
  console.log(HELP)
} else {
  const plan = readPlan()
  const [busy = 0] = loadavg()
  if (busy > availableParallelism() / 2) console.error(`The machine is busy (load ${busy}): do not trust the figures.`)
  const nodes = await Promise.all(values.nodes.split(',').map(findNode))
  const byVersion = new Map(nodes.map((node) => [node.version, node]))
  await withCompiled(async (folder) => {
    for (const node of byVersion.values()) await runOn(node, folder, plan)
  })
}
