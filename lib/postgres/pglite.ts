import { takeFolder } from './folder.js'
import { guarded, once, type Row, type Sql } from './sql.js'

interface Queries {
  query (text: string, values: unknown[]): Promise<{ readonly rows: readonly Row[] }>
}

/** What is asked of a database of `@electric-sql/pglite`. */
export interface PgliteDatabase extends Queries {
  transaction (work: (transaction: Queries) => Promise<void>): Promise<unknown>
}

export function sqlOfPglite (db: PgliteDatabase): Sql {
  return sqlOf(async () => db, async () => {})
}

/** A database that is opened with the first statement. @param folder kept by PGlite; it is made where there is none */
export function sqlOfFolder (folder: string): Sql {
  let opening: Promise<Opened> | undefined
  const open = once(() => (opening = openFolder(folder)))
  return sqlOf(async () => (await open()).db, async () => {
    const opened = await opening?.catch(() => undefined)
    await opened?.close()
  })
}

/** What else PGlite knows how to keep. */
const IN_NO_FOLDER = /^(memory|idb|opfs-ahp):\/\//

interface Opened { readonly db: PgliteDatabase, close (): Promise<void> }

async function openFolder (dataDir: string): Promise<Opened> {
  const { PGlite } = await import('@electric-sql/pglite')
  const giveBack = IN_NO_FOLDER.test(dataDir) ? async () => {} : await takeFolder(dataDir.replace(/^file:\/\//, ''))
  try {
    const db = await guarded(() => PGlite.create(dataDir))
    return { db, close: () => db.close().finally(giveBack) }
  } catch (fault) {
    await giveBack()
    throw fault
  }
}

function sqlOf (db: () => Promise<PgliteDatabase>, close: () => Promise<void>): Sql {
  return {
    async run (text, values) {
      const opened = await db()
      return await guarded(async () => (await opened.query(text, values)).rows)
    },
    async transaction (_patience, work) {
      const opened = await db()
      await opened.transaction(async (transaction) => {
        await work((text, values) => guarded(async () => (await transaction.query(text, values)).rows))
      })
    },
    close
  }
}
