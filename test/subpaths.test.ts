import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { root } from './helpers/child.js'

interface Manifest { readonly exports: Readonly<Record<string, { readonly 'fastify-latchkey-source'?: string }>> }

const { exports }: Manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const sources = new Map(Object.entries(exports).flatMap(([subpath, { 'fastify-latchkey-source': source }]) =>
  source === undefined ? [] : [[subpath, source] as const]))

/** Packages that come with this one; `fastify` is the host's. */
const OWN = new Set(['@fastify/error', '@fastify/rate-limit', '@sinclair/typebox', 'fastify', 'fastify-plugin'])

/** What a subpath loads besides those, and what it loads only when something of it is called. */
const weights: Readonly<Record<string, { readonly loads?: string[], readonly later?: string[] }>> = {
  './limits/redis': { later: ['ioredis'] },
  './oauth': { loads: ['jose'] },
  './webhooks': { loads: ['request-filtering-agent'] },
  './webhooks/bullmq': { loads: ['bullmq'] },
  './keys/postgres': { later: ['@electric-sql/pglite', 'fs-native-extensions', 'pg'] },
  './usage/postgres': { later: ['@electric-sql/pglite', 'fs-native-extensions', 'pg'] },
  './webhooks/postgres': { later: ['@electric-sql/pglite', 'fs-native-extensions', 'pg'] }
}

t.test('a subpath loads no package that only another one needs', async (t) => {
  const { metafile } = await build({
    entryPoints: [...sources.values()].map((source) => join(root, source)),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    absWorkingDir: root,
    outbase: 'lib',
    outdir: 'out'
  })
  const found = [...sources].map(([subpath, source]) => {
    const imports = metafile.outputs[source.replace('./lib', 'out').replace(/\.ts$/, '.js')]?.imports ?? []
    const packages = (wanted: boolean) => [...new Set(imports.filter(({ kind }) => (kind === 'dynamic-import') === wanted)
      .map(({ path }) => packageOf(path)).filter((name) => !name.startsWith('node:') && !OWN.has(name)))].sort()
    return [subpath, { loads: packages(false), later: packages(true) }]
  })
  t.same(Object.fromEntries(found), Object.fromEntries([...sources.keys()].map((subpath) =>
    [subpath, { loads: [], later: [], ...weights[subpath] }])))
})

function packageOf (path: string): string {
  return path.split('/').slice(0, path.startsWith('@') ? 2 : 1).join('/')
}

t.test('the first comment of every public module names its subpath', async (t) => {
  const nameless = []
  for (const [subpath, source] of sources) {
    const [, comment = ''] = /^\/\*\*\n(.*?)\*\/\n/s.exec(await readFile(join(root, source), 'utf8')) ?? []
    if (!comment.includes(`\`fastify-latchkey${subpath.slice(1)}\``)) nameless.push(source)
  }
  t.same(nameless, [])
})
