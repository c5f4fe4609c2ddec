import { once, type Database, type Row, type Run } from './database.js'
import { wrapErrors } from './errors.js'

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
  /** Connections that nobody uses now. */
  readonly idleCount?: number | undefined
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

/** Between two times that connections are ended: a restored backup stays behind, however often it is asked. */
const RECONNECT_PAUSE_MS = 1000

/** Seconds to build an index of a large table. */
const INDEX_TIMEOUT = 3600

/** A pool that the host opened and closes. @param timeout seconds for a statement */
export function hostPool (pool: PostgresPool, timeout: number): Database {
  return databaseOf(async () => pool, timeout, async () => {})
}

/** A pool that is opened by the first statement. @param timeout seconds for a statement, and for a connection */
export function ownPool ({ connectionString, connection, max }: OwnPool, timeout: number): Database {
  const open = once(async () => {
    const { default: { Pool } } = await import('pg')
    const pool = new Pool({
      application_name: 'fastify-latchkey',
      ...connection,
      ...connectionString !== undefined && { connectionString },
      max,
      keepAlive: true,
      connectionTimeoutMillis: timeout * 1000
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
  /** The last read failed. It may have timed out, and still wait for a lock in Postgres. */
  let isStuck = false

  async function read (text: string, values: unknown[]): Promise<readonly Row[]> {
    try {
      const rows = isStuck ? await write(text, values) : await runOn(pool, timeout)(text, values)
      isStuck = false
      return rows
    } catch (error) {
      // From now on Postgres itself ends reads that wait too long, or they would use up its connections.
      isStuck = true
      throw error
    }
  }

  function write (text: string, values: unknown[]): Promise<readonly Row[]> {
    return transaction(timeout, (run) => run(text, values))
  }

  async function transaction<T> (timeout: number, work: (run: Run) => Promise<T>): Promise<T> {
    const client = await wrapErrors(async () => await (await pool()).connect())
    const run = runOn(async () => client, timeout)
    try {
      await run(begin(timeout), [])
      const result = await work(run)
      await run('COMMIT', [])
      client.release()
      return result
    } catch (error) {
      // Closing the connection rolls back, whatever state the transaction is in.
      client.release(true)
      throw error
    }
  }

  let reconnectedAt = -Infinity

  /** Those that are in use now are found idle by the next call, where they are behind too. */
  async function reconnect (): Promise<void> {
    const now = performance.now()
    if (now - reconnectedAt < RECONNECT_PAUSE_MS) return
    reconnectedAt = now
    const opened = await pool()
    await Promise.allSettled(Array.from({ length: opened.idleCount ?? 0 }, async () => {
      const client = await opened.connect()
      client.release(true)
    }))
  }

  return { read, write, transaction, reconnect, concurrently: runOn(pool, INDEX_TIMEOUT), close }
}

type Queries = Pick<PostgresPool, 'query'>

function runOn (queries: () => Promise<Queries>, timeout: number): Run {
  const milliseconds = timeout * 1000 + CANCEL_TIMEOUT_MS
  return (text, values) => wrapErrors(async () =>
    (await (await queries()).query({ text, values, query_timeout: milliseconds, types: asText })).rows)
}

/**
 * Begins a transaction in which Postgres cancels a statement in time. PgBouncer refuses time-outs as parameters of a
 * connection, and would share one that was set for a session with others.
 */
function begin (timeout: number): string {
  const milliseconds = Math.ceil(timeout * 1000)
  return 'BEGIN ISOLATION LEVEL READ COMMITTED; ' +
    `SET LOCAL statement_timeout = ${milliseconds}; SET LOCAL idle_in_transaction_session_timeout = ${milliseconds}`
}
