import { once, wrapErrors, type Database, type Row, type Run } from './database.js'

interface Query {
  readonly text: string
  readonly values: unknown[]
  /** Milliseconds after which `pg` gives the connection up. */
  readonly query_timeout: number
  readonly types: typeof asText
}

/** In place of the parsers of `pg`, which a host may replace for all of its process. */
const asText = { getTypeParser: () => String }

/** The part of a pool of `pg` that is used. */
export interface PostgresPool {
  query (query: Query): Promise<{ readonly rows: readonly Row[] }>
  connect (): Promise<PostgresClient>
}

export interface PostgresClient {
  query (query: Query): Promise<{ readonly rows: readonly Row[] }>
  release (broken?: boolean): void
}

export interface OwnPool {
  readonly connectionString?: string | undefined
  readonly connection?: Readonly<Record<string, unknown>> | undefined
  readonly max: number
}

/**
 * Milliseconds for Postgres to cancel a statement before the client gives up: a change that failed must not happen
 * later.
 */
const CANCEL_TIMEOUT_MS = 100

/** A pool that the host opened and closes. @param timeout seconds for a statement */
export function hostPool (pool: PostgresPool, timeout: number): Database {
  return databaseOf(async () => pool, timeout, async () => {})
}

/** A pool that is opened by the first statement. @param timeout seconds for a statement, and for a connection */
export function ownPool ({ connectionString, connection, max }: OwnPool, timeout: number): Database {
  const milliseconds = timeout * 1000
  const open = once(async () => {
    const { default: { Pool } } = await import('pg')
    const pool = new Pool({
      application_name: 'fastify-latchkey',
      ...connection,
      ...connectionString !== undefined && { connectionString },
      max,
      keepAlive: true,
      connectionTimeoutMillis: milliseconds,
      statement_timeout: milliseconds,
      idle_in_transaction_session_timeout: milliseconds
    })
    // An idle connection that breaks raises this event, which would end the process. The pool opens another by itself.
    pool.on('error', () => {})
    return pool
  })
  let opened = false
  const close = async () => { if (opened) await (await open()).end() }
  return databaseOf(() => { opened = true; return open() }, timeout, close)
}

function databaseOf (pool: () => Promise<PostgresPool>, timeout: number, close: () => Promise<void>): Database {
  return {
    run: (text, values) => wrapErrors(async () => (await (await pool()).query(query(text, values, timeout))).rows),
    async transaction (timeout, work) {
      const client = await wrapErrors(async () => await (await pool()).connect())
      const run: Run = (text, values) => wrapErrors(async () => (await client.query(query(text, values, timeout))).rows)
      try {
        await run('BEGIN ISOLATION LEVEL READ COMMITTED', [])
        await run(`SELECT set_config('statement_timeout', $1, true),
          set_config('idle_in_transaction_session_timeout', $1, true)`, [String(timeout * 1000)])
        await work(run)
        await run('COMMIT', [])
      } catch (error) {
        // Closing the connection rolls back, whatever state the transaction is in.
        client.release(true)
        throw error
      }
      client.release()
    },
    close
  }
}

function query (text: string, values: unknown[], timeout: number): Query {
  return { text, values, query_timeout: timeout * 1000 + CANCEL_TIMEOUT_MS, types: asText }
}
