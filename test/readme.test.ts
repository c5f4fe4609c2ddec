import { existsSync } from 'node:fs'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { refusals } from '../lib/core/errors.js'
import { eventTypes } from '../lib/events/index.js'
import { root, start } from './helpers/child.js'
import { collectRounds } from './helpers/collect.js'
import { complaints } from './helpers/compiler.js'
import { anchorsOf, relativeLinksOf } from './helpers/markdown.js'
import { declaresModule } from './helpers/readme.js'
import { pages, writeModules } from './helpers/readme-modules.js'

const { files, compiled } = await writeModules(t)
const readme = pages.get('README.md') ?? ''

t.test('all code compiles, with what the text around it has imported', async (t) => {
  t.ok(files.size > 40, `${files.size} blocks`)
  const alone = [...files].filter(([, block]) => declaresModule(block)).map(([file]) => file)
  t.same(complaints([...files.keys()].filter((file) => !alone.includes(file))), [])
  const rounds = collectRounds()
  for (const file of alone) rounds.add(complaints([file]), [])
  t.strictSame(rounds.seen, rounds.expected)
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
  t.match(await refused.json(), {
    code: 'INSUFFICIENT_SCOPE', required: [['devices:manage']], granted: ['devices:read']
  })
  t.equal((await fetch(`${url}/elsewhere`)).status, 401, 'an unknown path is hidden from strangers')
  t.equal((await fetch(`${url}/elsewhere`, { headers: { authorization } })).status, 404)
})

t.test('every error code has a row with an anchor and its status, and there are no others', async (t) => {
  const rows = (pages.get('docs/errors.md') ?? '').matchAll(/^\| <a id="(\w+)"><\/a>`(\w+)` \| (\d+) \| .+ \| .+ \|$/gm)
  const listed = [...rows].map(([, id, code, status]) => ({ id, code, status: Number(status) }))
  const known = Object.entries(refusals).map(([code, { statusCode }]) => ({ id: code, code, status: statusCode }))
  const byCode = (one: { code: string | undefined }) => String(one.code)
  t.same(listed.map(byCode).sort(), known.map(byCode).sort())
  t.same(listed.filter((row) => !known.some((one) => one.id === row.id && one.code === row.code && one.status === row.status)), [])
})

t.test('troubleshooting has a cause and a fix for every error code', async (t) => {
  const [, refused = ''] = /^## A request is refused$(.*?)^## /ms.exec(pages.get('docs/troubleshooting.md') ?? '') ?? []
  const rows = refused.split('\n').filter((line) => /^\| .+ \| .+ \| .+ \|$/.test(line)).join('\n')
  t.same(Object.keys(refusals).filter((code) => !rows.includes(`\`${code}\``)), [])
})

t.test('every type of event has a row', async (t) => {
  const text = pages.get('docs/events-and-webhooks.md') ?? ''
  t.same([...text.matchAll(/^\| `((?:key|token|limit|usage)\.\w+)` \|/gm)].map(([, type]) => type), eventTypes)
})

t.test('the messages that troubleshooting explains are messages of the library', async (t) => {
  const text = pages.get('docs/troubleshooting.md') ?? ''
  const [, boot = ''] = /^## The server does not start$(.*)^## A request is refused$/ms.exec(text) ?? []
  const sources = (await readdir(join(root, 'lib'), { recursive: true })).filter((file) => file.endsWith('.ts'))
  const lib = (await Promise.all(sources.map((file) => readFile(join(root, 'lib', file), 'utf8')))).join('\n')
    .replace(/['`] \+\s*['`]/g, '')
    .replaceAll("\\'", "'")
  const messages = [...boot.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message))
  t.ok(messages.length > 30, `${messages.length} messages`)
  const foreign = /^(The decorator|'principal'|3D000|28P01|28000|FolderInUseError|Postgres failed|store\.migrate)/
  const missing = messages.filter((message) => !foreign.test(message)).flatMap((message) =>
    message.split(/…|"|GET \//).map((part) => part.replace(/^[; ]+| +$/g, ''))
      .filter((part) => part.length >= 8 && !lib.includes(part)))
  t.same(missing, [])
})

t.test('README and pages are short enough to be read', async (t) => {
  const long = [...pages].filter(([page, text]) => {
    const lines = text.split('\n').length - 1
    return page === 'README.md' ? lines > 220 : page.startsWith('docs/') && lines > 250
  })
  t.same(long.map(([page]) => page), [])
})

t.test('relative links lead to files and anchors that exist', async (t) => {
  const broken = [...pages].flatMap(([page, text]) => relativeLinksOf(text).filter(({ path, anchor }) => {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchorsOf(pages.get(target) ?? '').has(anchor)
  }).map(({ path, anchor = '' }) => `${page}: ${path}#${anchor}`))
  t.same(broken, [])
})

t.test('files that CONTRIBUTING and SECURITY name exist', async (t) => {
  const text = `${pages.get('CONTRIBUTING.md')}${pages.get('SECURITY.md')}`
  const named = [...text.matchAll(/`((?:lib|test)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  t.ok(named.length > 15, `${named.length} files`)
  t.same(named.filter((path) => !existsSync(join(root, path))), [])
})
