import { describeFault } from './errors.js'

/**
 * What a client of a database has thrown, told by its name and code alone: messages and properties of such errors carry
 * statements, their arguments and connection strings, and loggers print causes.
 */
export class KeyStoreError extends Error {
  /** Of the client's error, such as `ECONNREFUSED`, or `57014` where Postgres cancelled a statement. */
  readonly code: string | undefined
  constructor (store: string, fault: unknown) {
    super(`${store} failed: ${describeFault(fault)}`)
    this.name = 'KeyStoreFault'
    this.code = codeOf(fault)
  }
}

/** The id or a hash of a key is another's already. */
export class KeyExistsError extends Error {
  constructor () {
    super('a key with this id or hash exists')
    this.name = 'KeyTaken'
  }
}

/** The code of an error of a client; whether it may be shown, `describeFault` decides. */
export function codeOf (fault: unknown): string | undefined {
  return fault instanceof Error && 'code' in fault && typeof fault.code === 'string' ? fault.code : undefined
}
