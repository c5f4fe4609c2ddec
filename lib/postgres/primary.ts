import type { Row } from './sql.js'

/** A replica may not have heard of a revocation yet. */
export class KeysOnReplica extends Error {
  constructor () {
    super('this Postgres is a replica, which may not have heard of a revocation yet: connect the key store to the primary')
    this.name = 'KeysOnReplica'
  }
}

/** Whether the server that answers is one. A server that was restarted as one has ended all connections, but pools make new ones. */
export const REPLICA = 'pg_is_in_recovery() AS replica'

/**
 * A reading statement whose answer says, at no further trip, which server gave it: also where nothing is found, in a row
 * of nulls.
 * @param select with a column `record` @param order of it, once more: a join promises none
 */
export function readPrimary (select: string, order = ''): string {
  return `SELECT ${REPLICA}, found.* FROM (SELECT) AS one LEFT JOIN (${select}) AS found ON true ${order}`
}

/** What such a statement has found. @throws KeysOnReplica */
export function found (rows: readonly Row[]): readonly Row[] {
  checkPrimary(rows[0])
  return rows.filter(({ record }) => record !== null)
}

/** @param row with `REPLICA` @throws KeysOnReplica, also where nothing says that it is none */
export function checkPrimary (row: Row | undefined): void {
  if (row?.replica !== false) throw new KeysOnReplica()
}
