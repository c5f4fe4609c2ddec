import { codeOf, KeyStoreError, KeyExistsError } from '../core/store-error.js'

export type Row = Readonly<Record<string, unknown>>

/** Runs one statement in one round trip. */
export type Run = (text: string, values: unknown[]) => Promise<readonly Row[]>

/** What the key store asks of a database, whichever client speaks to it. */
export interface Sql {
  readonly run: Run
  /** Commits when `work` is through, and leaves nothing behind when it fails. @param patience seconds for each statement */
  transaction (patience: number, work: (run: Run) => Promise<void>): Promise<void>
  /** Closes what was opened for this store. */
  close (): Promise<void>
}

const UNIQUE_VIOLATION = '23505'

/** Runs a statement of a client, and says of its errors no more than may be said. */
export async function guarded<T> (work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    throw codeOf(fault) === UNIQUE_VIOLATION ? new KeyExistsError() : new KeyStoreError('Postgres', fault)
  }
}

/** Does something once: a success is kept, a failure is forgotten, and who comes in between waits for the same. */
export function once<T> (work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => {
    running ??= work().catch((fault: unknown) => {
      running = undefined
      throw fault
    })
    return running
  }
}
