import pg from 'pg'
import t from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { at, changed, newHash, secret } from '../../lib/testing/key-store-drafts.js'
import { collectRounds } from '../helpers/collect.js'
import { fillPostgres, hashOf } from '../helpers/fill-postgres.js'
import { startPostgres } from '../helpers/postgres.js'

interface Plan { 'Node Type': string, 'Shared Hit Blocks': number, 'Shared Read Blocks': number, 'Relation Name'?: string, 'Index Name'?: string, 'Actual Rows': number, Plans?: Plan[] }

const server = await startPostgres(t)
const pool = new pg.Pool({ connectionString: await server.createDatabase() })
t.teardown(() => pool.end())

/** Statements that the store has sent for the current call. */
let sent: Array<{ text: string, values: unknown[] }> = []
const store = createPostgresKeyStore({
  pool: {
    async connect () {
      const client = await pool.connect()
      return {
        query (query) {
          if (!/^(BEGIN|COMMIT)/.test(query.text)) sent.push(query)
          return client.query(query)
        },
        release: (broken) => client.release(broken)
      }
    },
    query (query) {
      sent.push(query)
      return pool.query(query)
    }
  }
})
await store.migrate()
await store.ready?.()
await fillPostgres(pool, 200_000)
// A few keys of one owner, among the oldest of its workspace, in a rare environment.
await pool.query('UPDATE latchkey.keys SET environment = \'staging\' WHERE workspace = \'w3\' AND owner = \'o7\' AND created_at < 1767225600000 + 2000')
await pool.query('VACUUM ANALYZE latchkey.keys')

/** The one statement that `work` sends, as Postgres runs it. */
async function planOf (work: () => unknown): Promise<Plan[]> {
  sent = []
  await work()
  const [query, ...others] = sent
  if (query === undefined || others.length > 0) throw new Error(`${sent.length} statements`)
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${query.text}`, query.values)
    return nodes(rows[0]['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}

function nodes (plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)]
}

const types = (plan: readonly Plan[]) => plan.map((node) => node['Node Type'])

t.test('verification is one statement, and two look-ups by unique index', async (t) => {
  const rounds = collectRounds()
  for (const fresh of [false, true]) {
    const plan = await planOf(async () => t.equal((await store.findByHash(hashOf(777), fresh))?.principal.id, 'key-777'))
    rounds.add(types(plan), ['Nested Loop', 'Result', 'Nested Loop', 'Index Scan', 'Index Scan'])
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(types(await planOf(() => store.findByHash('unknown'))), ['Nested Loop', 'Result', 'Nested Loop', 'Index Scan', 'Index Scan'])
})

/** Pages of tables and indexes that a statement read: at worst two for each key. */
const pagesRead = ([root]: readonly Plan[]) => (root?.['Shared Hit Blocks'] ?? NaN) + (root?.['Shared Read Blocks'] ?? NaN)

t.test('a page of a list reads what it shows, wherever it begins and whatever it is filtered by', async (t) => {
  const after = { createdAt: new Date(1767225600000 + 50_000), id: 'key-150000' }
  const filters: Array<readonly [string, object]> = [
    ['keys_of_workspace', {}],
    ['keys_of_owner', { owner: 'o7' }],
    ['keys_of_environment', { environment: 'sandbox' }],
    ['keys_of_owner_in_environment', { owner: 'o7', environment: 'production' }],
    ['keys_of_owner_in_environment', { owner: 'o7', environment: 'staging' }]
  ]
  const rounds = collectRounds()
  for (const [index, filter] of filters) {
    for (const page of [filter, { ...filter, after }]) {
      const what = JSON.stringify(page)
      const plan = await planOf(async () => t.equal((await store.list('w3', { limit: 20, ...page })).keys.length, 20, what))
      rounds.add(types(plan).filter((type) => !/^Index/.test(type)), ['Result', 'Sort', 'Nested Loop', 'Result', 'Limit'], what)
      rounds.add(plan.flatMap((node) => node['Index Name'] ?? []), [index], what)
      for (const node of plan) rounds.add(node['Actual Rows'] <= 21, true, `${what}: ${node['Node Type']} of ${node['Actual Rows']} rows`)
      rounds.add(pagesRead(plan) <= 50, true, `${what}: ${pagesRead(plan)} pages`)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('updates and uses read only their own keys', async (t) => {
  const key = await store.get('w7', 'key-777')
  if (key === undefined) throw new Error('no key')
  const uses = [1, 2, 3].map((i) => ({ workspace: `w${i}`, id: `key-${i}`, lastUsedAt: at(i), scopesUsedAt: {} }))
  const rounds = collectRounds()
  for (const work of [() => store.get('w7', 'key-777'), () => store.update(changed(key)), () => store.update(changed(changed(key), { secrets: [...key.secrets, secret(2)] }), newHash()), () => store.recordUse(uses)]) {
    const plan = await planOf(work)
    rounds.add(types(plan).includes('Seq Scan'), false, types(plan).join(', '))
    for (const node of plan) rounds.add(node['Actual Rows'] <= 3, true, `${node['Node Type']} of ${node['Actual Rows']} rows`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('keys that are due are read by their index alone, and settling reads one', async (t) => {
  await pool.query('UPDATE latchkey.keys SET notice_at = created_at WHERE id NOT IN (\'key-1\', \'key-2\', \'key-3\')')
  await pool.query('VACUUM ANALYZE latchkey.keys')
  const now = Date.UTC(2025, 0, 1)
  const rounds = collectRounds()
  for (const limit of [2, 100]) {
    const plan = await planOf(async () => t.equal((await store.notices.due(now, 0, limit)).length, Math.min(limit, 3)))
    const reads = plan.filter((node) => node['Relation Name'] === 'keys' && /Scan/.test(node['Node Type']))
    rounds.add(reads.map((node) => [node['Node Type'], node['Index Name']]), [['Index Scan', 'keys_due'], ['Index Scan', 'keys_pkey']])
    for (const node of plan) rounds.add(node['Actual Rows'] <= 3, true, `${node['Node Type']} of ${node['Actual Rows']} rows`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  const [leased] = await store.notices.due(now, 1000, 1)
  if (leased === undefined) throw new Error('nothing is due')
  const plan = await planOf(async () => t.equal(await store.notices.settle(leased, [], undefined), true))
  t.notOk(types(plan).includes('Seq Scan'), types(plan).join(', '))
})
