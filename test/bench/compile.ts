import { cp, mkdir, mkdtemp, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** npm and tap run everything in the repository; this file itself may have been compiled to elsewhere. */
const root = process.cwd()
const cache = join(root, 'node_modules', '.cache')

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  isolatedModules: true
}

/**
 * Translates lib/ and test/bench/ as tsc does, types aside, so that servers are measured as they ship:
 * a loader that translates on the fly wraps every closure to keep its name, on the request path too.
 * @param use gets the folder that mirrors the repository; it is gone afterwards
 */
export async function withCompiled<T> (use: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(cache, { recursive: true })
  const folder = await realpath(await mkdtemp(join(cache, 'latchkey-bench-')))
  try {
    await Promise.all(['lib', join('test', 'bench')].map((part) => translate(part, folder)))
    await writeFile(join(folder, 'package.json'), JSON.stringify({
      name: 'fastify-latchkey',
      type: 'module',
      exports: { '.': './lib/index.js', './*': './lib/*/index.js' }
    }))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function translate (part: string, folder: string): Promise<void> {
  const entries = await readdir(join(root, part), { recursive: true, withFileTypes: true })
  await Promise.all(entries.filter((entry) => entry.isFile()).map(async ({ parentPath, name }) => {
    const file = join(parentPath, name)
    const target = join(folder, file.slice(root.length))
    await mkdir(dirname(target), { recursive: true })
    if (!name.endsWith('.ts')) return cp(file, target)
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), { compilerOptions: options, fileName: file })
    await writeFile(target.replace(/\.ts$/, '.js'), outputText)
  }))
}
