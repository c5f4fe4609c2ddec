import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { refusals } from '../lib/errors.js'
import { root, start } from './helpers/child.js'

const readme = await readFile(join(root, 'README.md'), 'utf8')

t.test('the quick start runs as printed and says what the text below it says', async (t) => {
  const code = /```js\n(\/\/ server\.mjs\n.*?)```/s.exec(readme)?.[1] ?? ''
  const folder = await mkdtemp(join(root, 'test', '.readme-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'server.mjs'), code)
  const child = start(['node', '--conditions=fastify-latchkey-source', '--import', 'tsx', join(folder, 'server.mjs')], root, { PORT: '0' })
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
