import type { Position } from '../core/cursor.js'

/** Column → value as Postgres writes it: text, also of numbers and JSON, `t` or `f`; null for NULL. */
export type Row = Readonly<Record<string, unknown>>

/** Where a row with `id` and `created_at` stands in a list, whether or not its record can be read. */
export function positionOf (row: Row): Position & { readonly row: Row } {
  return { createdAt: new Date(Number(row.created_at)), id: String(row.id), row }
}

/** Runs one statement. */
export type Run = (text: string, values: unknown[]) => Promise<readonly Row[]>

/** A Postgres, whichever client speaks to it. Everything here rejects with a `StoreError`. */
export interface Database {
  /** For a statement that changes nothing: one round trip. */
  readonly read: Run
  /** For a statement that changes something: in a transaction, so that it cannot happen after it failed. */
  readonly write: Run
  /**
   * For a statement that Postgres runs outside of transactions alone, and that may take long. Undefined for a database
   * of one process: nobody else uses its tables meanwhile.
   */
  readonly concurrently?: Run
  /** Commits once `work` resolves, and rolls back if it rejects. @param timeout seconds for each statement */
  transaction<T> (timeout: number, work: (run: Run) => Promise<T>): Promise<T>
  /** Ends connections, so that the next ones are made anew. Undefined for a database of one process. */
  readonly reconnect?: () => Promise<void>
  /** Closes what was opened here; a pool or a database of the host stays open. */
  close (): Promise<void>
}

/** Runs `work` with the first call and shares its result with all others. After a failure the next call tries again. */
export function once<T> (work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => {
    running ??= work().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
}
