import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../helpers/child.js'
import { complaints } from '../helpers/compiler.js'

const folder = join(root, 'test/types')

t.test('every claim of these files about types holds, and every mistake that they expect is one', async (t) => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).map((file) => join(folder, file))
  const sources = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  const expected = sources.join('\n').match(/^ *\/\/ @ts-expect-error \S/gm)?.length ?? 0
  t.ok(expected >= 40, `${expected} mistakes are tried`)
  t.same(complaints(files), [])
})

t.test('a mistake that compiles, and one that is not expected, would be seen', async (t) => {
  const start = "import { defineScopes } from 'fastify-latchkey'\nconst scopes = defineScopes({ resources: { devices: ['read'] } })\n"
  const made = { right: "scopes.secure('devices:read')", wrong: "scopes.secure('devices:reed')", expected: "// @ts-expect-error a mistake that is none\nscopes.secure('devices:read')" }
  const said = complaints([], new Map(Object.entries(made).map(([name, line]) => [join(folder, `${name}.ts`), `${start}${line}\n`])))
  t.equal(said.length, 2)
  t.match(said.find((one) => one.includes('wrong.ts')), /"devices:reed"/)
  t.match(said.find((one) => one.includes('expected.ts')), /Unused '@ts-expect-error' directive/)
})
