import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { assertionsInLoops } from './helpers/assertions.js'
import { root } from './helpers/child.js'
import { collectRounds } from './helpers/collect.js'
import { inspect, type Sources } from './helpers/house.js'

/** @param folder of the repository */
async function sourcesOf (folder: string): Promise<Sources> {
  const entries = await readdir(join(root, folder), { recursive: true })
  const files = entries.map((entry) => entry.replaceAll('\\', '/')).filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.d.ts'))
  return new Map(await Promise.all(files.sort().map(async (file) =>
    [file, await readFile(join(root, folder, file), 'utf8')] as const)))
}

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

async function manifest (): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}

/** A sound house of two rooms, and what is said when the given files are added to it. */
function faultsWith (files: Record<string, string>): string[] {
  const sound = {
    'core/errors.ts': 'export const errors = 1\n',
    'auth/index.ts': "import { errors } from '../core/errors.js'\nexport const auth = errors\n",
    'keys/index.ts': "export { auth as keys } from '../auth/index.js'\n",
    'index.ts': "export * from './keys/index.js'\nexport * from './core/errors.js'\n",
  }
  return inspect(new Map(Object.entries({ ...sound, ...files })), ['fastify', '@fastify/error'])
}

t.test('imports in lib/ point only toward the ground, every room has an index, no file is long', async (t) => {
  const { dependencies, peerDependencies } = await manifest()
  t.same(inspect(await sourcesOf('lib'), Object.keys({ ...dependencies, ...peerDependencies })), [])
})

t.test('every folder with an index is a subpath of the package, and every subpath such a folder, but the element', async (t) => {
  const { exports } = await manifest()
  const subpaths = [...(await sourcesOf('lib')).keys()].filter((file) => file.endsWith('/index.ts')).map((file) => `./${file.slice(0, -'/index.ts'.length)}`)
  t.same(Object.keys(exports).sort(), ['.', ...subpaths, './console/element.js', './package.json'].sort())
})

t.test('only the runtime dependencies that the design names', async (t) => {
  const { dependencies } = await manifest()
  t.same(Object.keys(dependencies).sort(), ['@fastify/error', '@fastify/rate-limit', '@sinclair/typebox', 'fastify-plugin'])
})

t.test('a sound house has no faults', async (t) => {
  t.same(faultsWith({}), [])
  t.same(faultsWith({ 'auth/index.ts': "import fastify from 'fastify'\nimport create from '@fastify/error'\nimport 'node:net'\n" }), [])
})

t.test('an edge between rooms of one floor is sideways', async (t) => {
  t.same(faultsWith({ 'scopes/index.ts': "import { auth } from '../auth/index.js'\n" }),
    ['scopes/index.ts imports auth/index.ts: sideways'])
  t.same(faultsWith({ 'oauth/index.ts': "export type { A } from '../openapi/index.js'\n", 'openapi/index.ts': '' }),
    ['oauth/index.ts imports openapi/index.ts: sideways'])
})

t.test('an edge to a higher floor is upwards, however it is written', async (t) => {
  const fault = ['auth/index.ts imports openapi/index.ts: upwards']
  const rounds = collectRounds()
  for (const line of [
    "import { a } from '../openapi/index.js'",
    "import type { A } from '../openapi/index.js'",
    "import {\n  a,\n  type B\n} from '../openapi/index.js'",
    "export * from '../openapi/index.js'",
    "import '../openapi/index.js'",
    "const late = await import('../openapi/index.js')",
    "export type A = import('../openapi/index.js').A",
  ]) rounds.add(faultsWith({ 'auth/index.ts': `${line}\n`, 'openapi/index.ts': '' }), fault, line)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the ground imports no room, and no room the roof', async (t) => {
  t.match(faultsWith({ 'core/errors.ts': "import { a } from '../scopes/names.js'\n", 'scopes/index.ts': '', 'scopes/names.ts': '' }),
    ['core/errors.ts imports scopes/names.ts: upwards'])
  t.match(faultsWith({ 'keys/index.ts': "import { a } from '../latchkey.js'\n", 'latchkey.ts': '' }),
    ['keys/index.ts imports latchkey.ts: upwards'])
})

t.test('an import inside a comment or a string is no edge', async (t) => {
  t.same(faultsWith({ 'auth/index.ts': "// import '../openapi/index.js'\nexport const a = \"import '../openapi/index.js'\"\n", 'openapi/index.ts': '' }), [])
})

t.test('ground files may import one another, but not in a circle', async (t) => {
  const clock = "import { errors } from './errors.js'\n"
  const index = { 'index.ts': "export * from './core/clock.js'\n" }
  t.same(faultsWith({ ...index, 'core/clock.ts': clock }), [])
  t.same(faultsWith({ ...index, 'core/clock.ts': clock, 'core/errors.ts': "import './clock.js'\n" }),
    ['cycle: core/errors.ts → core/clock.ts → core/errors.ts'])
})

t.test('the house by its own name, what is outside it, and what nobody declared are refused', async (t) => {
  t.same(faultsWith({ 'auth/index.ts': "import 'fastify-latchkey/keys'\nimport '../../test/x.js'\nimport '@fastify/errors/x'\n" }), [
    'auth/index.ts imports fastify-latchkey/keys: the house by its own name',
    'auth/index.ts imports ../test/x.ts: outside lib/',
    'auth/index.ts imports @fastify/errors/x: not a dependency',
  ])
})

t.test('what runs in browsers alone may import what is built into it, and nothing else may', async (t) => {
  const lit = "import { html } from 'lit'\n"
  t.same(faultsWith({ 'console/index.ts': '', 'console/element/ui/public.ts': lit }), [])
  t.same(faultsWith({ 'console/index.ts': lit }), ['console/index.ts imports lit: not a dependency'])
})

t.test('a long file, a room without an index, a room without a floor and a dead file are named', async (t) => {
  const line = 'export {}\n'
  t.same(faultsWith({ 'auth/index.ts': line.repeat(200) }), [])
  t.same(faultsWith({ 'auth/index.ts': line.repeat(201) }), ['auth/index.ts has 201 lines, more than 200'])
  t.same(faultsWith({ 'limits/take.ts': line, 'index.ts': "import './limits/take.js'\n" }), ['limits/ has no index.ts'])
  t.same(faultsWith({ 'attic/index.ts': line }), ['attic/ has no floor: give it one in test/helpers/house.ts'])
  t.same(faultsWith({ 'auth/old.ts': line }), ['auth/old.ts is reached from no index.ts'])
})

t.test('no test asserts in each round of a loop', async (t) => {
  t.same([...await sourcesOf('test')].flatMap(([file, text]) => assertionsInLoops(`test/${file}`, text)), [])
})

t.test('an assertion in a loop is named, in whatever way it is repeated, and one after a loop or in a test of its own is not', async (t) => {
  const text = [
    'for (const row of rows) t.equal(row, 1)',
    'while (next()) { if (late) t.ok(true) }',
    'rows.forEach((row) => t.same(row, []))',
    'await Promise.all(rows.map(async (row) => { await t.rejects(row) }))',
    'fc.assert(fc.property(text, (text) => { t.match(text, /a/) }))',
    'for (const row of rows) t.test(row, async (t) => { t.equal(row, 1) })',
    'for (const row of rows) seen.push(row)',
    't.same(seen, [])',
    'for (const row of rows) t.fail(row)',
  ].join('\n')
  t.same(assertionsInLoops('a.ts', text), ['a.ts:1', 'a.ts:2', 'a.ts:3', 'a.ts:4', 'a.ts:5'])
})
