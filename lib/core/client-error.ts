import { describeFault } from './errors.js'
import { StoreError } from './store-error.js'

/** The error of a database client as one that is safe to log. @param store such as `Postgres` */
export function wrapClientError (store: string, error: unknown): StoreError {
  return new StoreError(`${store} failed: ${describeFault(error)}`, codeOf(error))
}

export function codeOf (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
