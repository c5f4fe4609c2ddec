/**
 * What a store reports: an outage, a refusal of the database, or a record that can't be used. Its message is safe to
 * log. Errors of database clients are not: they carry statements, arguments and connection strings.
 */
export class StoreError extends Error {
  override readonly name: string = 'StoreError'
  /** Code of the client's error, such as `ECONNREFUSED`, or `57014` where Postgres cancelled a statement. */
  readonly code: string | undefined
  constructor (message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** The id of a record, or the hash of a secret, exists already. */
export class DuplicateError extends StoreError {
  override readonly name = 'DuplicateError'
  constructor () {
    super('a record with this id or hash exists')
  }
}

/** A stored record is not as any release writes it, so nothing is concluded from it. */
export class RecordError extends StoreError {
  override readonly name = 'RecordError'
  /** @param record such as `key "key_1"` @param fault without a value of the record */
  constructor (record: string, fault: string) {
    super(`the stored record of ${record} is not valid: ${fault}`)
  }
}
