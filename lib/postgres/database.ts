import { codeOf, wrapClientError } from '../core/client-error.js'
import { DuplicateError } from '../core/store-error.js'

/** Column → value as Postgres writes it: text, also of numbers and JSON, `t` or `f`; null for NULL. */
export type Row = Readonly<Record<string, unknown>>

/** Runs one statement in one round trip. */
export type Run = (text: string, values: unknown[]) => Promise<readonly Row[]>

/** A Postgres, whichever client speaks to it. Everything here rejects with a `StoreError`. */
export interface Database {
  readonly run: Run
  /** Commits once `work` resolves, and rolls back if it rejects. @param timeout seconds for each statement */
  transaction (timeout: number, work: (run: Run) => Promise<void>): Promise<void>
  /** Closes what was opened here; a pool or a database of the host stays open. */
  close (): Promise<void>
}

const UNIQUE_VIOLATION = '23505'

/** Replaces what a client throws by an error that is safe to log. */
export async function wrapErrors<T> (work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw codeOf(error) === UNIQUE_VIOLATION ? new DuplicateError() : wrapClientError('Postgres', error)
  }
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
