import { guarded, once, type Row, type Run, type Sql } from './sql.js'

interface Query {
  readonly text: string
  readonly values: unknown[]
  /** Milliseconds until `pg` gives the connection up. */
  readonly query_timeout: number
}

/** What is asked of a pool of `pg`. */
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

/** Milliseconds that Postgres has to cancel a statement itself: whatever was told to have failed then has not happened. */
const SLACK = 100

/** @param timeout seconds for a statement */
export function sqlOfPool (pool: PostgresPool, timeout: number): Sql {
  return sqlOf(async () => pool, timeout, async () => {})
}

/** A pool that is opened with the first statement. @param timeout seconds for a statement, and for a connection */
export function sqlOfOwnPool ({ connectionString, connection, max }: OwnPool, timeout: number): Sql {
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
    // Of a connection that broke while nobody used it: the pool has dropped it. Unheard, it would end the process.
    pool.on('error', () => {})
    return pool
  })
  let opened = false
  return sqlOf(() => { opened = true; return open() }, timeout, async () => { if (opened) await (await open()).end() })
}

function sqlOf (pool: () => Promise<PostgresPool>, timeout: number, close: () => Promise<void>): Sql {
  return {
    run: (text, values) => guarded(async () => (await (await pool()).query(query(text, values, timeout))).rows),
    async transaction (patience, work) {
      const client = await guarded(async () => await (await pool()).connect())
      const run: Run = (text, values) => guarded(async () => (await client.query(query(text, values, patience))).rows)
      try {
        await run('BEGIN ISOLATION LEVEL READ COMMITTED', [])
        await run('SELECT set_config(\'statement_timeout\', $1, true), set_config(\'idle_in_transaction_session_timeout\', $1, true)', [String(patience * 1000)])
        await work(run)
        await run('COMMIT', [])
      } catch (fault) {
        // A connection that ends takes its transaction back, in whatever state that is.
        client.release(true)
        throw fault
      }
      client.release()
    },
    close
  }
}

function query (text: string, values: unknown[], timeout: number): Query {
  return { text, values, query_timeout: timeout * 1000 + SLACK }
}
