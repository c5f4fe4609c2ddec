import t from 'tap'
import { describe, mutantsOf } from './mutants.js'

const changed = (text: string) => mutantsOf('lib/a.ts', text).map(({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end))

t.test('each operator, constant, condition and statement is changed by itself', async (t) => {
  t.same(changed('const a = b < c && !d'), ['const a = b < c || !d', 'const a = b <= c && !d', 'const a = b < c && d'])
  t.same(changed('if (a) return'), ['if (true) return', 'if (false) return'])
  t.same(changed('f(1)'), [';', 'f((2))', 'f((0))'])
  t.same(changed("const a = { b: true, c: 'x' }"), ["const a = { b: false, c: 'x' }", "const a = { b: true, c: '' }"])
  t.same(changed('const a = /^b$/i'), ['const a = /b$/i', 'const a = /^b/i'])
  t.same(changed('const a = b ?? c.some(d)'), ['const a = b', 'const a = b ?? c.every(d)'])
})

t.test('what nobody can observe stays: types, imports, a message on two lines, await before return', async (t) => {
  t.same(changed("import { a } from 'b'\ntype C = 'c' | true\ninterface D { e: 'f' }"), [])
  t.same(changed("const a = 'b' + `c`"), ["const a = '' + `c`", "const a = 'b' + ''"])
  t.same(changed('async function a () { return await b }'), [])
  t.same(changed('async function a () { try { return await b } catch {} }'), ['async function a () { try { return (b) } catch {} }'])
})

t.test('a mutant is described by its place and by what changed', async (t) => {
  const text = 'const a = 1\nf(a)\n'
  t.same(mutantsOf('lib/a.ts', text).map((mutant) => describe(mutant, text)), [
    'lib/a.ts:1  1  →  (2)', 'lib/a.ts:1  1  →  (0)', 'lib/a.ts:2  f(a)  →  ;'
  ])
})
