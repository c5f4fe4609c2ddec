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
  const open = once(async () => {
    const { PGlite } = await import('@electric-sql/pglite')
    return await PGlite.create(folder)
  })
  let opened = false
  return sqlOf(() => { opened = true; return open() }, async () => { if (opened) await (await open()).close() })
}

function sqlOf (db: () => Promise<PgliteDatabase>, close: () => Promise<void>): Sql {
  return {
    run: (text, values) => guarded(async () => (await (await db()).query(text, values)).rows),
    async transaction (_patience, work) {
      const opened = await guarded(db)
      await opened.transaction(async (transaction) => {
        await work((text, values) => guarded(async () => (await transaction.query(text, values)).rows))
      })
    },
    close
  }
}
