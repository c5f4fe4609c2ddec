import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { root } from '../helpers/child.js'
import { startPostgres } from '../helpers/postgres.js'
import { until } from '../helpers/until.js'

const file = fileURLToPath(new URL('../helpers/notice-process.js', import.meta.url))
const KEYS = 2_000
const PROCESSES = 4

interface Line { readonly id: string, readonly type: string, readonly key: string, readonly by: number }

const postgres = await startPostgres(t)

async function fill (url: string): Promise<pg.Pool> {
  const store = createPostgresKeyStore({ connectionString: url })
  await store.migrate()
  await store.close()
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  await pool.query(`INSERT INTO latchkey.keys (id, workspace, environment, created_at, version, record)
    SELECT 'key-' || i, 'w' || i % 10, 'production', 0, 1, json_build_object('id', 'key-' || i, 'workspace', 'w' || i % 10, 'environment', 'production', 'scopes', json_build_array(),
      'secrets', json_build_array(json_build_object('generation', 1, 'hint', 'aBc9', 'createdAt', '2025-12-01T00:00:00.000Z')), 'expiresAt', '2026-01-01T00:00:00.000Z', 'version', 1)
    FROM generate_series(1, $1::int) i`, [KEYS])
  return pool
}

/** Processes that wait for one another, and then scan. @param options milliseconds after the expiry, and after how many events the first one hangs */
async function scan (t: Test, url: string, count: number, { later = 0, stall = Infinity, issue = false } = {}) {
  const lines: Line[] = []
  const children = Array.from({ length: count }, (_, i) => spawn(process.execPath, [file], { cwd: root, env: { ...process.env, NODE_V8_COVERAGE: undefined, KEYS_URL: url, LATER: String(later), ...i === 0 && { STALL: String(stall) }, ...issue && { ISSUE: 'yes' } }, stdio: ['pipe', 'pipe', 'inherit'] }))
  t.teardown(() => { for (const child of children) child.kill('SIGKILL') })
  const ready = children.map((child, by) => new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') return resolve()
      const [id = '', type = '', key = ''] = line.split(' ')
      lines.push({ id, type, key, by })
    })
  }))
  await Promise.all(ready)
  for (const child of children) child.stdin.end('go\n')
  return {
    lines,
    async kill (i: number) {
      const child = children[i]
      if (child === undefined) throw new Error('no such process')
      child.kill('SIGKILL')
      await once(child, 'close')
    },
    async stop () {
      await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map(async (child) => {
        child.kill('SIGTERM')
        await once(child, 'close')
      }))
    }
  }
}

/** How many keys are due, or leased. */
async function left (pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('SELECT count(*) AS n FROM latchkey.keys WHERE notice_at IS NOT NULL')
  return Number(rows[0].n)
}

const events = (lines: readonly Line[]): number => new Set(lines.map(({ id }) => id)).size
const keys = (lines: readonly Line[]): number => new Set(lines.map(({ key }) => key)).size

t.test('4 processes, 2,000 keys due at once: 2,000 events, none twice, none missing', async (t) => {
  const url = await postgres.createDatabase()
  const pool = await fill(url)
  t.teardown(() => pool.end())
  const { lines, stop } = await scan(t, url, PROCESSES)
  await until(() => events(lines) === KEYS)
  await until(async () => await left(pool) === 0, 'every notice is settled')
  await stop()
  t.equal(lines.length, KEYS, 'none twice')
  t.equal(keys(lines), KEYS, 'none missing')
  t.ok(lines.every(({ type }) => type === 'key.expired'))
  t.equal(new Set(lines.map(({ by }) => by)).size, PROCESSES, 'all took part')
})

t.test('with one of them killed in the middle: none missing, and what is emitted again has the same id', async (t) => {
  const url = await postgres.createDatabase()
  const pool = await fill(url)
  t.teardown(() => pool.end())
  const { lines, kill, stop } = await scan(t, url, PROCESSES, { stall: 150 })
  await until(() => lines.filter(({ by }) => by === 0).length > 150)
  await kill(0)
  const leased = async () => Number((await pool.query('SELECT count(*) AS n FROM latchkey.keys WHERE notice_leased_until IS NOT NULL')).rows[0].n)
  while (await left(pool) > await leased() || await leased() > 100) await new Promise(setImmediate)
  await stop()
  const orphans = await left(pool)
  t.ok(orphans > 0 && orphans <= 100, `it left ${orphans} keys that it had leased`)

  const later = await scan(t, url, 2, { later: 60_001 })
  await until(() => events([...lines, ...later.lines]) === KEYS && later.lines.length === orphans)
  await later.stop()
  const all = [...lines, ...later.lines]
  t.equal(keys(all), KEYS, 'none missing')
  t.equal(events(all), KEYS, 'one event a key')
  t.equal(later.lines.length, orphans, 'only what it had leased is emitted again')
  t.equal(new Set(lines.map(({ key }) => key)).size, lines.length, 'none twice before')
  t.equal(await left(pool), 0)
})

t.test('processes that are killed right after they issued a key: another one emits the event of each', async (t) => {
  const url = await postgres.createDatabase()
  const issuing = await scan(t, url, PROCESSES, { issue: true })
  const killed = new Set<number>()
  await until(async () => {
    const [next] = issuing.lines.filter(({ by }) => !killed.has(by))
    if (next !== undefined) await issuing.kill(next.by)
    if (next !== undefined) killed.add(next.by)
    return killed.size === PROCESSES
  })
  const { lines, stop } = await scan(t, url, 1, { later: 60_001 })
  await until(() => keys(lines) >= PROCESSES)
  await stop()
  t.same(lines.map(({ type, key }) => `${type} ${key}`).sort(), issuing.lines.map(({ key }) => `key.issued ${key}`).sort())
})
