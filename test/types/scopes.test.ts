import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../helpers/child.js'
import { complaintsAbout, expectedErrors } from '../helpers/compile-types.js'

t.test('an unknown scope does not compile wherever one can be named, and every declared one does', async (t) => {
  t.same(complaintsAbout('test/types/scopes.ts'), [], 'no error that is not expected, and none expected that is not there')
})

t.test('each place that names scopes has lines that must not compile', async (t) => {
  const source = await readFile(join(root, 'test/types/scopes.ts'), 'utf8')
  const places = new Set(expectedErrors(source).map((description) => description.split(':')[0]))
  for (const place of ['secure', 'anyOf', 'requireScopes', 'permits', 'implies', 'methods']) t.ok(places.has(place), place)
})
