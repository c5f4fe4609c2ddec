import { once, type Database, type Row, type Run } from './database.js'
import { wrapErrors } from './errors.js'
import { lockFolder } from './folder-lock.js'

interface Queries {
  query (text: string, values: unknown[], options: typeof asText): Promise<{ readonly rows: readonly Row[] }>
}

/** Replaces the parsers of bool, int8, int4, text, json and jsonb: a host may give its database others. */
const asText = { parsers: Object.fromEntries([16, 20, 23, 25, 114, 3802].map((type) => [type, String])) }

/** The part of a database of `@electric-sql/pglite` that is used. */
export interface PgliteDatabase extends Queries {
  transaction<T> (work: (transaction: Queries) => Promise<T>): Promise<T>
}

/** A database that the host opened and closes. */
export function hostPglite (db: PgliteDatabase): Database {
  return databaseOf(async () => db, async () => {})
}

/** A database in a folder, opened by the first statement. */
export function folderPglite (folder: string): Database {
  let opening: Promise<OpenPglite> | undefined
  const open = once(() => (opening = openFolder(folder)))
  return databaseOf(async () => (await open()).db, async () => {
    const opened = await opening?.catch(() => undefined)
    await opened?.close()
  })
}

/** What PGlite can open that is no folder. */
const NO_FOLDER = /^(memory|idb|opfs-ahp):\/\//

interface OpenPglite { readonly db: PgliteDatabase, close (): Promise<void> }

async function openFolder (dataDir: string): Promise<OpenPglite> {
  const { PGlite } = await import('@electric-sql/pglite')
  const unlock = NO_FOLDER.test(dataDir) ? () => {} : await lockFolder(dataDir.replace(/^file:\/\//, ''))
  try {
    const db = await wrapErrors(() => PGlite.create(dataDir))
    return { db, close: () => db.close().finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}

function databaseOf (db: () => Promise<PgliteDatabase>, close: () => Promise<void>): Database {
  const runOn = (queries: Queries): Run => (text, values) =>
    wrapErrors(async () => (await queries.query(text, values, asText)).rows)
  const run: Run = async (text, values) => await runOn(await db())(text, values)
  return {
    read: run,
    write: run,
    transaction: async (_timeout, work) => await (await db()).transaction((transaction) => work(runOn(transaction))),
    close
  }
}
