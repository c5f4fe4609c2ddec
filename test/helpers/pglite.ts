import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import { root } from './child.js'
import type { Ending } from './ending.js'

// A test ends before V8's optimized WebAssembly pays for itself.
setFlagsFromString('--liftoff-only')

/** A path in a new temporary folder, where nothing is yet. */
export async function newFolder (t: Ending): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pglite-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'keys')
}

/** A folder with an empty database. PGlite takes seconds to make one, so one is made once and copied. */
export async function databaseFolder (t: Ending): Promise<string> {
  const folder = await newFolder(t)
  await copyDatabase(folder)
  return folder
}

export async function copyDatabase (folder: string): Promise<void> {
  await cp(await emptyDatabase(), folder, { recursive: true })
}

/** An empty database of the test's own. */
export async function openDatabase (t: Ending, options: PGliteOptions = {}): Promise<PGlite> {
  const db = await PGlite.create({ ...options, dataDir: await databaseFolder(t) })
  t.teardown(() => db.close())
  return db
}

/** Kept until the next `npm ci`. */
async function emptyDatabase (): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'))
  const kept = join(root, 'node_modules/.cache/fastify-latchkey', `pglite-${version}`)
  if (existsSync(kept)) return kept
  await mkdir(dirname(kept), { recursive: true })
  const made = await mkdtemp(`${kept}-`)
  await (await PGlite.create(made)).close()
  // Another test file may have been faster: then its folder stays.
  await rename(made, kept).catch(() => rm(made, { recursive: true, force: true }))
  return kept
}
