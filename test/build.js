import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { build as compile } from 'esbuild'
import { build as bundle } from 'vite'
import element from '../lib/console/vite.config.js'

// Inside .build the package's name leads to the compiled lib/, as it leads a host to dist/.
const { name, type, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const subpaths = Object.entries(exports).map(([subpath, { 'fastify-latchkey-source': source = subpath }]) =>
  [subpath, source.replace(/\.ts$/, '.js')])
const imports = { '#element': './console/element.js' }
const manifest = JSON.stringify({ name, type, exports: Object.fromEntries(subpaths), imports })

/**
 * Compiles lib/, tests and examples into the repository's own layout, so that no test process needs a loader for
 * TypeScript. Returns what tells this build from any other.
 */
export async function build () {
  const { outputFiles } = await compile({
    entryPoints: ['lib/**/*.ts', 'test/**/*.ts', 'test/**/*.lua', 'examples/**/*.ts'],
    outdir: '.build',
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    loader: { '.lua': 'copy' },
    sourcemap: true,
    write: false,
    logLevel: 'warning',
  })
  const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]))
  files.set(resolve('.build/package.json'), Buffer.from(manifest))
  const [{ output }] = await bundle({ ...element, build: { ...element.build, write: false } })
  for (const { fileName, code, source } of output) {
    files.set(resolve('.build/console', fileName), Buffer.from(code ?? source))
  }

  // Tests may be running from this folder: only what differs is written, and only what has no source any more is removed.
  for (const [path, contents] of files) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }
  for (const entry of readdirSync('.build', { recursive: true, withFileTypes: true })) {
    const path = resolve(entry.parentPath, entry.name)
    if (entry.isFile() && !files.has(path) && !path.includes('.readme-')) rmSync(path)
  }

  const digest = createHash('sha256')
  for (const path of [...files.keys()].sort()) digest.update(path).update(files.get(path))
  return digest.digest('hex')
}
