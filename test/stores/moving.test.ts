import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { root } from '../helpers/child.js'
import { db, ROWS, secretOf } from '../helpers/moving-given.js'
import { scopes, sha256 } from '../helpers/readme-given.js'
import { blocksOf, moduleOf } from '../helpers/readme.js'
import { pages } from '../helpers/readme-modules.js'

const blocks = blocksOf('docs/moving.md', pages.get('docs/moving.md') ?? '')

/** Runs the code of docs/moving.md that has this text in it. @returns the app that it made, with a route */
async function follow (t: Test, text: string): Promise<FastifyInstance> {
  const [block, ...others] = blocks.filter(({ code }) => code.includes(text))
  if (block === undefined || others.length > 0) throw new Error(`docs/moving.md does not have ${text} once`)
  const code = (await moduleOf(block)).replaceAll('readme-given.js', 'moving-given.js')
  const folder = join(root, '.build', 'test', `.moving-${process.pid}`)
  await mkdir(folder, { recursive: true })
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, `line-${block.line}.js`)
  await writeFile(file, (await transform(code, { loader: 'ts' })).code)
  const { app }: { app: FastifyInstance } = await import(pathToFileURL(file).href)
  t.teardown(() => app.close())
  app.get('/devices', { schema: scopes.secure('devices:read') }, async ({ principal }) => ({ scopes: principal?.scopes }))
  await app.ready()
  return app
}

const ask = async (app: FastifyInstance, secret: string): Promise<unknown> => {
  const response = await app.inject({ url: '/devices', headers: { authorization: `Bearer ${secret}` } })
  return response.statusCode === 200 ? response.json().scopes : response.statusCode
}

t.test('docs/moving.md, word for word: a table of 10,000 keys moves into Postgres, and its secrets go on', async (t) => {
  const [read, write] = [['devices:read'], ['devices:read', 'devices:write']]
  const samples = [0, 1, 4_321, ROWS - 2, ROWS - 1]
  const expected = samples.map((row) => row % 2 === 0 ? read : write)
  const askAll = async (app: FastifyInstance) => Promise.all(samples.map(async (row) => ask(app, secretOf(row))))

  const before = await follow(t, 'const ownTable: Resolver')
  t.same(await askAll(before), expected, 'before the import, from the old table')

  const log = t.capture(console, 'log')
  const app = await follow(t, 'scopesByOldName')
  t.same(log().at(-1)?.args, [ROWS, { imported: ROWS, exists: 0, refused: 0 }])
  await db.exec('DROP TABLE old_keys')
  t.same(await askAll(app), expected, 'after it, without the old table')

  const { keys } = app.latchkey
  const { keys: [newest] } = await keys.list('company_49', { limit: 1 })
  t.match(newest, { createdAt: new Date(Date.UTC(2025, 0, 1) + (ROWS - 1) * 1000) }, 'newest first, as in the old table')
  const { secret } = await keys.rotate('company_49', newest?.id ?? '')
  await keys.revoke('company_48', (await keys.list('company_48', { limit: 1 })).keys[0]?.id ?? '')
  t.same([await ask(app, secret), ...await askAll(app)], [write, read, write, write, 401, 401], 'one was revoked, and one rotated')

  const again = async (...rows: number[]) =>
    (await keys.import(rows.map((row) => ({ hash: sha256(secretOf(row)), workspace: 'w1', scopes: ['devices:read'] })), { format: 'old' })).map(({ status }) => status)
  t.same(await again(0, 1, ROWS), ['exists', 'exists', 'imported'])
  t.same((await again(ROWS + 1, ROWS + 1)).sort(), ['exists', 'imported'], 'one hash twice')
})
