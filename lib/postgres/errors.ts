import { codeOf, wrapClientError } from '../core/client-error.js'
import { redact } from '../core/redact.js'
import { DuplicateError, StoreError } from '../core/store-error.js'

const UNIQUE_VIOLATION = '23505'

/**
 * Classes of errors whose messages name users, databases and tables at most. All values are bound to our statements, so
 * a class 42 message (syntax, names, permissions) has none either; class 22, for example, quotes values.
 */
const SAFE_CLASSES = /^(08|28|3D|3F|42|53|55|57)/

/** What to do about errors that are often seen at the first start. */
const FIXES: ReadonlyMap<string | undefined, string> = new Map([
  ['28000', 'correct the user that the store connects with, or let it connect (pg_hba.conf)'],
  ['28P01', 'correct the user or the password that the store connects with'],
  ['3D000', 'create it, or correct its name where the store connects'],
  ['55P03', 'another transaction uses the tables for long: end it, or migrate again later'],
  ['42501', 'grant it, or call migrate() once with an account that may create tables']
])

/** Replaces what a client throws by an error that is safe to log. */
export async function wrapErrors<T> (work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw codeOf(error) === UNIQUE_VIOLATION ? new DuplicateError() : explain(error)
  }
}

function explain (error: unknown): StoreError {
  const { message, code } = wrapClientError('Postgres', error)
  const isSafe = error instanceof Error && code !== undefined && SAFE_CLASSES.test(code)
  const detail = isSafe ? `: ${redact(error.message)}` : ''
  const fix = FIXES.has(code) ? `; ${FIXES.get(code)}` : ''
  return new StoreError(message + detail + fix, code)
}
