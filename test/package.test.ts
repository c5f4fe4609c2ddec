import { cp, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { root } from './helpers/child.js'
import { consumerFolder, copyConsumers, install, pack, same, startConsumer, succeeds } from './helpers/consumer.js'

t.setTimeout(800_000)

const project = await consumerFolder(t)
const consumers = await copyConsumers(project)

/** The names that each subpath exports. */
type Rooms = Readonly<Record<string, readonly string[]>>

const emptyOf = (rooms: Rooms): string[] => Object.keys(rooms).filter((room) => rooms[room]?.length === 0)

t.test('the package is built, packed and installed next to fastify in an empty project', async (t) => {
  await cp(join(root, 'test/package'), project, { recursive: true })
  await writeFile(join(project, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n')
  await install(t, project, [await pack(t, project), await same('fastify'), await same('@types/node')])
})

t.test('the tarball holds the build, the sources that its maps point at, and the papers', async (t) => {
  const home = join(project, 'node_modules/fastify-latchkey')
  t.same((await readdir(home)).sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'docs', 'lib', 'package.json'])
  t.notOk((await readdir(home, { recursive: true })).some((file) => /\.test\.|\.tsbuildinfo$/.test(file)))
  const { sources } = JSON.parse(await readFile(join(home, 'dist/auth/index.js.map'), 'utf8'))
  t.same(sources, ['../../lib/auth/index.ts'])
})

t.test('plain JavaScript guards a server with it', async (t) => {
  const { answers, rooms, version } = JSON.parse(await succeeds(t, [process.execPath, 'use.js'], project))
  t.match(answers.good, { status: 200, body: 'w1', limit: /^"production";r=99;t=60$/ })
  t.match(answers.none, { status: 401, body: /"CREDENTIAL_MISSING"/, challenge: /^Bearer realm="[^"]+"$/ })
  t.match(answers.weak, { status: 403, body: /"INSUFFICIENT_SCOPE"/, challenge: /error="insufficient_scope", scope="devices:manage"/ })
  t.same(emptyOf(rooms), [], 'every room exports something')
  t.match(version, /^\d+\.\d+\.\d+$/)
})

const typeCheck = (project: string, config: string): readonly [readonly string[], string] =>
  [[process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', config], project]

t.test('TypeScript sees every subpath, merged declarations, and refuses scopes that nobody declared', async (t) => {
  await succeeds(t, ...typeCheck(project, 'tsconfig.json'))
})

t.test('it works next to the packages that its rooms stand on, and those of servers of every kind', async (t) => {
  const peers = ['@fastify/swagger', 'pg', '@types/pg', '@electric-sql/pglite', 'fs-native-extensions', 'ioredis', 'jose', 'bullmq', 'request-filtering-agent']
  const ours = new Set(['fastify', 'fastify-latchkey', ...peers])
  const wanted = consumers.flatMap(({ dependencies }) => Object.entries(dependencies))
    .filter(([name]) => !ours.has(name)).map(([name, range]) => `${name}@${range}`)
  await install(t, project, [...await Promise.all(peers.map(same)), ...new Set(wanted)])
  const rooms: Rooms = JSON.parse(await succeeds(t, [process.execPath, 'peers.js'], project))
  t.same(emptyOf(rooms), [], 'every room exports something')
})

t.test('its types agree with those of the packages that hosts have', async (t) => {
  await succeeds(t, ...typeCheck(project, 'tsconfig.swagger.json'))
  await succeeds(t, ...typeCheck(project, 'tsconfig.peers.json'))
})

/** One of them takes keys in a second place. */
const challengeOf = (consumer: string): string =>
  `Bearer realm="api"${consumer === 'fastify-cli-layout' ? ', ApiKey realm="api", in="header", name="x-api-key"' : ''}`

t.test('servers of every kind are built with it, start, and guard their routes', async (t) => {
  for (const consumer of consumers) {
    await t.test(consumer.name, async (t) => {
      const { build } = consumer.scripts
      if (build !== undefined) await succeeds(t, ['sh', '-c', build], consumer.folder)
      const { url, secret } = await startConsumer(t, consumer)
      const headers = { authorization: `Bearer ${secret}` }
      const served = await fetch(`${url}/devices`, { headers })
      t.equal(served.status, 200)
      t.match(served.headers.get('ratelimit'), /^"production";r=99;t=60$/)
      t.same(await served.json(), { workspace: 'w1' })
      const anonymous = await fetch(`${url}/devices`)
      t.equal(anonymous.status, 401)
      t.equal(anonymous.headers.get('www-authenticate'), challengeOf(consumer.name))
      t.match(await anonymous.json(), { code: 'CREDENTIAL_MISSING' })
      const refused = await fetch(`${url}/devices`, { method: 'DELETE', headers })
      t.equal(refused.status, 403)
      t.match(await refused.json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:manage']], granted: consumer.name === 'nest' ? Array : ['devices:read'] })
      if (consumer.name !== 'nest') return
      const listed = await fetch(`${url}/api-keys`, { headers })
      t.equal(listed.status, 200)
      t.match(await listed.json(), { keys: [{ workspace: 'w1', scopes: ['devices:read', 'api_keys:read'] }] })
      t.equal((await fetch(`${url}/nothing`)).status, 401, 'strangers are told nothing of a path that does not exist')
    })
  }
})
