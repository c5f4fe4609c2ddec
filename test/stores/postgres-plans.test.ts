import pg from 'pg'
import t from 'tap'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import { at, changed, newHash, secret } from '../../lib/testing/key-store-drafts.js'
import { fillPostgres, hashOf } from '../helpers/fill-postgres.js'
import { startPostgres } from '../helpers/postgres.js'

interface Plan { 'Node Type': string, 'Relation Name'?: string, 'Index Name'?: string, 'Actual Rows': number, Plans?: Plan[] }

const server = await startPostgres(t)
const pool = new pg.Pool({ connectionString: await server.createDatabase() })
t.teardown(() => pool.end())

/** Statements that the store has sent since they were last looked at. */
let sent: Array<{ text: string, values: unknown[] }> = []
const store = createPostgresKeyStore({
  pool: {
    connect: () => pool.connect(),
    query (query) {
      sent.push(query)
      return pool.query(query)
    }
  }
})
await store.migrate()
await fillPostgres(pool, 30_000)

/** The one statement that `work` sends, as Postgres runs it. */
async function planOf (work: () => unknown): Promise<Plan[]> {
  sent = []
  await work()
  const [query, ...others] = sent
  if (query === undefined || others.length > 0) throw new Error(`${sent.length} statements`)
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${query.text}`, query.values)
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
  for (const fresh of [false, true]) {
    const plan = await planOf(async () => t.equal((await store.findByHash(hashOf(777), fresh))?.principal.id, 'key-777'))
    t.strictSame(types(plan), ['Nested Loop', 'Index Scan', 'Index Scan'])
  }
  t.strictSame(types(await planOf(() => store.findByHash('unknown'))), ['Nested Loop', 'Index Scan', 'Index Scan'])
})

t.test('a page of a list reads what it shows, wherever it begins and whatever it is of', async (t) => {
  const after = { createdAt: new Date(1767225600000 + 5000), id: 'key-15000' }
  for (const page of [{}, { after }, { owner: 'o7' }, { owner: 'o7', after }, { environment: 'sandbox' }, { environment: 'sandbox', after }]) {
    const plan = await planOf(async () => t.equal((await store.list('w3', { limit: 20, ...page })).keys.length, 20))
    t.strictSame(types(plan).filter((type) => !/^Index/.test(type)), ['Limit'], JSON.stringify(page))
    for (const node of plan) t.ok(node['Actual Rows'] <= 21, `${JSON.stringify(page)}: ${node['Node Type']} of ${node['Actual Rows']} rows`)
  }
})

t.test('changes and uses read only the keys that they are of', async (t) => {
  const key = await store.get('w7', 'key-777')
  if (key === undefined) throw new Error('no key')
  const uses = [1, 2, 3].map((i) => ({ workspace: `w${i}`, id: `key-${i}`, lastUsedAt: at(i), scopesUsedAt: {} }))
  for (const work of [() => store.get('w7', 'key-777'), () => store.update(changed(key)), () => store.update(changed(changed(key), { secrets: [...key.secrets, secret(2)] }), newHash()), () => store.recordUse(uses)]) {
    const plan = await planOf(work)
    t.notOk(types(plan).includes('Seq Scan'), types(plan).join(', '))
    for (const node of plan) t.ok(node['Actual Rows'] <= 3, `${node['Node Type']} of ${node['Actual Rows']} rows`)
  }
})

t.test('a look for keys that are due reads those alone by their index, and settling reads one', async (t) => {
  await pool.query('UPDATE latchkey.keys SET notice_at = created_at WHERE id NOT IN (\'key-1\', \'key-2\', \'key-3\')')
  await pool.query('VACUUM ANALYZE latchkey.keys')
  const now = Date.UTC(2025, 0, 1)
  for (const limit of [2, 100]) {
    const plan = await planOf(async () => t.equal((await store.notices.due(now, 0, limit)).length, Math.min(limit, 3)))
    const reads = plan.filter((node) => node['Relation Name'] === 'keys' && /Scan/.test(node['Node Type']))
    t.strictSame(reads.map((node) => [node['Node Type'], node['Index Name']]), [['Index Scan', 'keys_due'], ['Index Scan', 'keys_pkey']])
    for (const node of plan) t.ok(node['Actual Rows'] <= 3, `${node['Node Type']} of ${node['Actual Rows']} rows`)
  }
  const [held] = await store.notices.due(now, 1000, 1)
  if (held === undefined) throw new Error('nothing is due')
  const plan = await planOf(async () => t.equal(await store.notices.settle(held, [], undefined), true))
  t.notOk(types(plan).includes('Seq Scan'), types(plan).join(', '))
})
