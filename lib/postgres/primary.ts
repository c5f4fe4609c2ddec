import { StoreError } from '../core/store-error.js'
import type { Row } from './database.js'

/** The server is a replica, which learns of a revocation later than the primary. */
export class ReplicaError extends StoreError {
  override readonly name = 'ReplicaError'
  constructor () {
    super('this Postgres is a replica, which may not know of a revocation yet: connect the store to the primary')
  }
}

/**
 * Whether the server that answers is a replica. Each statement asks: a pool may connect to another server at any
 * time.
 */
export const REPLICA = 'pg_is_in_recovery() AS replica'

/**
 * A statement that reads, and also says whether a replica answered, in the same round trip. It returns one row of nulls
 * where nothing was found, so that this is known then too.
 * @param select with a column `record`
 * @param order of `select`, repeated, since a join keeps none
 */
export function selectFromPrimary (select: string, order = ''): string {
  return `SELECT ${REPLICA}, found.* FROM (SELECT) AS one LEFT JOIN (${select}) AS found ON true ${order}`
}

/** The rows that such a statement found. @throws ReplicaError */
export function rowsFromPrimary (rows: readonly Row[]): readonly Row[] {
  checkPrimary(rows[0])
  return rows.filter(({ record }) => record !== null)
}

/** Refuses a row with `REPLICA` that does not come from a primary. @throws ReplicaError */
export function checkPrimary (row: Row | undefined): void {
  if (row?.replica !== 'f') throw new ReplicaError()
}
