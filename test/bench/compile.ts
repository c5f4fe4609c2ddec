import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))
const out = join(root, 'node_modules', '.cache', 'latchkey-bench')

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  isolatedModules: true,
  inlineSourceMap: false
}

/**
 * Translates lib/ and test/bench/ as tsc does, types aside, so that servers are measured as they ship:
 * a loader that translates on the fly wraps every closure to keep its name, on the request path too.
 * @returns the folder that mirrors the repository
 */
export async function compile (): Promise<string> {
  await rm(out, { recursive: true, force: true })
  await Promise.all(['lib', join('test', 'bench')].map(translate))
  await writeFile(join(out, 'package.json'), JSON.stringify({
    name: 'fastify-latchkey',
    type: 'module',
    exports: { '.': './lib/index.js', './*': './lib/*/index.js' }
  }))
  return out
}

async function translate (folder: string): Promise<void> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  await Promise.all(entries.filter((entry) => entry.isFile()).map(async ({ parentPath, name }) => {
    const file = join(parentPath, name)
    const target = join(out, file.slice(root.length))
    await mkdir(dirname(target), { recursive: true })
    if (!name.endsWith('.ts')) return cp(file, target)
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), { compilerOptions: options, fileName: file })
    await writeFile(target.replace(/\.ts$/, '.js'), outputText)
  }))
}
