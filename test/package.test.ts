import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { root, run } from './helpers/child.js'

t.setTimeout(300_000)

// Outside the repository, where no look upwards finds its node_modules or its package.json.
const project = await mkdtemp(join(tmpdir(), 'latchkey-package-'))
t.teardown(() => rm(project, { recursive: true, force: true }))

/** The version that this repository develops against, so that npm's cache has it. */
const same = async (name: string): Promise<string> =>
  `${name}@${JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8')).version}`

const succeeds = async (t: Test, command: readonly string[], cwd: string): Promise<string> => {
  const { code, stdout, stderr } = await run(command, cwd)
  t.equal(code, 0, `${command.slice(0, 2).map((word) => basename(word)).join(' ')} succeeds`, { diagnostic: code !== 0, output: `${stdout}${stderr}` })
  return stdout
}

t.test('the package is built, packed and installed next to fastify in an empty project', async (t) => {
  await cp(join(root, 'test/package'), project, { recursive: true })
  await writeFile(join(project, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n')
  await succeeds(t, ['npm', 'pack', '--silent', '--pack-destination', project], root)
  const tarballs = (await readdir(project)).filter((file) => file.endsWith('.tgz'))
  t.equal(tarballs.length, 1)
  await succeeds(t, ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund',
    ...tarballs.map((file) => `./${file}`), await same('fastify'), await same('@types/node')], project)
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
  for (const [room, names] of Object.entries(rooms)) t.notSame(names, [], `fastify-latchkey/${room} exports something`)
  t.match(version, /^\d+\.\d+\.\d+$/)
})

const typeCheck = (project: string, config: string): readonly [readonly string[], string] =>
  [[process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', config], project]

t.test('TypeScript sees every subpath, merged declarations, and refuses scopes that nobody declared', async (t) => {
  await succeeds(t, ...typeCheck(project, 'tsconfig.json'))
})

t.test('the types agree with those of @fastify/swagger when a host has it', async (t) => {
  await succeeds(t, ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', await same('@fastify/swagger')], project)
  await succeeds(t, ...typeCheck(project, 'tsconfig.swagger.json'))
})

t.test('rooms that stand on other packages work beside those', async (t) => {
  const peers = await Promise.all(['pg', '@types/pg', '@electric-sql/pglite', 'fs-native-extensions', 'ioredis', 'jose', 'bullmq', 'request-filtering-agent'].map(same))
  await succeeds(t, ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...peers], project)
  const rooms: object = JSON.parse(await succeeds(t, [process.execPath, 'peers.js'], project))
  for (const [room, names] of Object.entries(rooms)) t.notSame(names, [], `fastify-latchkey/${room} exports something`)
  await succeeds(t, ...typeCheck(project, 'tsconfig.peers.json'))
})
