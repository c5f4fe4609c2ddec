import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, 'node_modules', '.cache')

/**
 * Compiles lib/ and test/bench/servers/ with the compiler options of the published package, because a loader that
 * compiles on the fly adds code to each closure and would be measured too.
 * @param use gets the folder, which has the layout of the repository and is removed afterwards
 */
export async function withCompiled<T> (use: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(cache, { recursive: true })
  const folder = await realpath(await mkdtemp(join(cache, 'latchkey-bench-')))
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    await promisify(execFile)(process.execPath, [tsc, '-p', join(root, 'test/bench'), '--outDir', folder])
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
