import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import Fastify, { type FastifyInstance } from 'fastify'
import { latchkey, type LatchkeyOptions } from 'fastify-latchkey'
import t from 'tap'
import { refusals } from '../lib/core/errors.js'
import { root, start } from './helpers/child.js'
import { complaints } from './helpers/compiler.js'
import { startPostgres } from './helpers/postgres.js'
import { blocksOf, declaresModule, moduleOf, type Block } from './helpers/readme.js'
import { options } from './helpers/readme-given.js'
import { startRedis } from './helpers/redis-server.js'

const readme = await readFile(join(root, 'README.md'), 'utf8')
const blocks = blocksOf(readme)
/** All but the quick start, which runs by itself below, as modules. */
const files = new Map<string, Block>()
const folder = await mkdtemp(join(root, 'test', '.readme-'))
/** Where the compiled tests stand, so that the modules import the same. */
const compiled = join(root, '.build', 'test', basename(folder))
await mkdir(compiled)
t.teardown(() => Promise.all([folder, compiled].map((made) => rm(made, { recursive: true, force: true }))))
for (const block of blocks.slice(1)) {
  const file = join(folder, `line${block.line}.ts`)
  const module = await moduleOf(block)
  await writeFile(file, module)
  await writeFile(runnable(file), (await transform(module, { loader: 'ts' })).code)
  files.set(file, block)
}

function runnable (file: string): string {
  return join(compiled, basename(file, '.ts') + '.js')
}

/** What the module of a block exports. */
interface Made {
  readonly app?: FastifyInstance
  readonly alternatives?: ReadonlyArray<Partial<LatchkeyOptions>>
}

t.test('all code compiles, with what the text around it has imported', async (t) => {
  t.ok(files.size > 20, `${files.size} blocks`)
  const alone = [...files].filter(([, block]) => declaresModule(block)).map(([file]) => file)
  t.same(complaints([...files.keys()].filter((file) => !alone.includes(file))), [])
  for (const file of alone) t.same(complaints([file]), [])
})

t.test('all code runs, and what it has registered starts', async (t) => {
  t.teardown(() => {
    delete process.env.DATABASE_URL
    delete process.env.REDIS_URL
  })
  process.env.DATABASE_URL = await (await startPostgres(t)).createDatabase()
  process.env.REDIS_URL = (await startRedis(t)).url
  for (const [file, { line }] of files) {
    const { app, alternatives = [] }: Made = await import(pathToFileURL(runnable(file)).href)
    await app?.ready()
    await app?.close()
    for (const alternative of alternatives) {
      const app = Fastify()
      await app.register(latchkey, { ...options, ...alternative })
      await app.ready()
      await app.close()
    }
    t.pass(`line ${line}`)
  }
})

t.test('the quick start runs as printed and says what the text below it says', async (t) => {
  const code = /```js\n(\/\/ server\.mjs\n.*?)```/s.exec(readme)?.[1] ?? ''
  await writeFile(join(compiled, 'server.mjs'), code)
  const child = start(['node', join(compiled, 'server.mjs')], root, { PORT: '0' })
  t.teardown(() => { child.kill() })
  const printed = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => resolve(String(chunk)))
    child.once('error', reject)
    child.once('exit', (status) => reject(new Error(`the quick start ended with ${status}`)))
  })
  const [, authorization = '', url = ''] = /-H 'Authorization: (.*?)' (\S+)\/devices/.exec(printed) ?? []

  const served = await fetch(`${url}/devices`, { headers: { authorization } })
  t.equal(served.status, 200)
  t.same(await served.json(), { workspace: 'w_1', devices: [] })
  t.equal(served.headers.get('ratelimit'), '"production";r=99;t=60')
  t.equal(served.headers.get('ratelimit-policy'), '"production";q=100;w=60')
  const anonymous = await fetch(`${url}/devices`)
  t.equal(anonymous.status, 401)
  t.equal(anonymous.headers.get('www-authenticate'), 'Bearer realm="api"')
  const refused = await fetch(`${url}/devices/1`, { method: 'DELETE', headers: { authorization } })
  t.equal(refused.status, 403)
  t.match(await refused.json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:manage']], granted: ['devices:read'] })
  t.equal((await fetch(`${url}/elsewhere`)).status, 401, 'an unknown path is hidden from strangers')
  t.equal((await fetch(`${url}/elsewhere`, { headers: { authorization } })).status, 404)
})

t.test('every code has a row that says its status', async (t) => {
  for (const [code, { statusCode }] of Object.entries(refusals)) {
    t.match(readme, new RegExp(`^\\| \`${code}\` \\| ${statusCode} \\| .+ \\| .+ \\|$`, 'm'), code)
  }
})
