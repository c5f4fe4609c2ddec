import { createHash } from 'node:crypto'
import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import t from 'tap'
import { guarded } from '../helpers/limits.js'
import { openDatabase } from '../helpers/pglite.js'

const ROWS = 500
const secretOf = (i: number): string => `old_secret_${i}`
const table = Array.from({ length: ROWS }, (_, i) => ({
  id: i,
  company: `company_${i % 50}`,
  rights: i % 2 === 0 ? 'read' : 'read write',
  hash: createHash('sha256').update(secretOf(i)).digest('hex'),
  createdAt: new Date(Date.UTC(2025, 0, 1) + i)
}))
const scopesByOldName = new Map([['read', ['devices:read']], ['write', ['devices:write']]] as const)

t.test('a table of another system moves into Postgres, and its secrets go on', async (t) => {
  const db = await openDatabase(t)
  const store = createPgliteKeyStore({ db })
  await store.migrate()
  const { app } = await guarded(t, { keys: { prefix: 'acme', store, formats: { old: { prefix: 'old_', hash: 'sha256' } } }, resolvers: undefined })
  await app.ready()
  const { keys } = app.latchkey

  async function move (): Promise<Record<string, number>> {
    const counts: Record<string, number> = { imported: 0, exists: 0, refused: 0 }
    for (let from = 0; from < ROWS; from += 200) {
      const rows = table.slice(from, from + 200).map(({ company, rights, hash, createdAt }) => ({ hash, createdAt, workspace: company, scopes: rights.split(' ') }))
      const named = (name: string) => name === 'read' || name === 'write' ? scopesByOldName.get(name) : undefined
      for (const { status } of await keys.import(rows, { format: 'old', scopesOf: named })) counts[status] = (counts[status] ?? 0) + 1
    }
    return counts
  }

  t.same(await move(), { imported: ROWS, exists: 0, refused: 0 })
  t.same(await move(), { imported: 0, exists: ROWS, refused: 0 }, 'a second run changes nothing')
  const status = async (secret: string): Promise<number> => (await app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })).statusCode
  const { keys: [first] } = await keys.list('company_7', { limit: 1 })
  t.match(first, { createdAt: table[ROWS - 43]?.createdAt, scopes: ['devices:read', 'devices:write'] }, 'newest first, as in the old table')
  const { secret } = await keys.rotate('company_7', first?.id ?? '')
  await keys.revoke('company_0', (await keys.list('company_0', { limit: 1 })).keys[0]?.id ?? '')
  t.same([
    await status(secretOf(0)), await status(secretOf(ROWS - 1)), await status(secret), await status(secretOf(ROWS - 43)), await status(secretOf(ROWS - 50)), await status('old_secret_none')
  ], [200, 200, 200, 401, 401, 401], 'two of the old table, the new secret of a rotated one and its old one, a revoked one, an unknown one')
})
