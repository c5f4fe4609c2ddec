import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { transform } from 'esbuild'
import { root } from './child.js'
import type { Ending } from './ending.js'
import { blocksOf, moduleOf, type Block } from './readme.js'

const docs = (await readdir(join(root, 'docs'), { recursive: true })).filter((file) => file.endsWith('.md'))
const names = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.map((file) => `docs/${file}`)]

/** Text of every page by its path. */
export const pages: ReadonlyMap<string, string> = new Map(await Promise.all(names.map(async (name) =>
  [name, await readFile(join(root, name), 'utf8')] as const)))

export interface Modules {
  /** Blocks by the TypeScript file that each was written to: all but the quick start. */
  readonly files: ReadonlyMap<string, Block>
  /** Where such a file was compiled to, so that it imports what the compiled tests import. */
  runnable (file: string): string
  /** Folder of what was compiled. */
  readonly compiled: string
}

/** Writes the code of all pages as modules. */
export async function writeModules (t: Ending): Promise<Modules> {
  const folder = await mkdtemp(join(root, 'test', '.readme-'))
  const compiled = join(root, '.build', 'test', basename(folder))
  await mkdir(compiled)
  t.teardown(() => Promise.all([folder, compiled].map((made) => rm(made, { recursive: true, force: true }))))
  const runnable = (file: string): string => join(compiled, basename(file, '.ts') + '.js')
  const files = new Map<string, Block>()
  for (const block of [...pages].flatMap(([page, text]) => blocksOf(page, text))) {
    if (block.code.startsWith('// server.mjs')) continue
    const file = join(folder, `${block.page.replaceAll('/', '-')}-line${block.line}.ts`)
    const module = await moduleOf(block)
    await writeFile(file, module)
    await writeFile(runnable(file), (await transform(module, { loader: 'ts' })).code)
    files.set(file, block)
  }
  return { files, runnable, compiled }
}
