import { principalOf } from 'fastify-latchkey'
import type { FastifyRequest } from 'fastify'

/** What a table of the examples holds. */
export interface Row {
  readonly id: string
  readonly [field: string]: unknown
}

export type Fields = Readonly<Record<string, unknown>>

/** Of a route with `:id`. */
export interface ById { Params: { id: string } }

/** One kind of thing. Whoever asks sees the rows of the key's workspace and environment, and no others. */
export interface Table {
  list (request: FastifyRequest): readonly Row[]
  get (request: FastifyRequest, id: string): Row | undefined
  add (request: FastifyRequest, fields: Fields): Row
  /** @returns the row as it is now, or undefined where there is none to change */
  change (request: FastifyRequest, id: string, fields: Fields): Row | undefined
  /** @returns the row that was there */
  remove (request: FastifyRequest, id: string): Row | undefined
}

/** Rows in memory. @param first what a workspace has at first, in each environment */
export function createTable (prefix: string, first: Readonly<Record<string, readonly Row[]>> = {}): Table {
  const given = new Map(Object.entries(first))
  const tenants = new Map<string, Map<string, Row>>()
  let number = 100

  function rowsOf (request: FastifyRequest): Map<string, Row> {
    const { workspace, environment } = principalOf(request)
    const tenant = `${environment}/${workspace}`
    const rows = tenants.get(tenant) ?? new Map(given.get(workspace)?.map((row) => [row.id, row]))
    tenants.set(tenant, rows)
    return rows
  }

  function put (request: FastifyRequest, row: Row): Row {
    rowsOf(request).set(row.id, row)
    return row
  }

  return {
    list: (request) => [...rowsOf(request).values()],
    get: (request, id) => rowsOf(request).get(id),
    add: (request, fields) => put(request, { ...fields, id: `${prefix}_${++number}` }),
    change (request, id, fields) {
      const row = rowsOf(request).get(id)
      return row === undefined ? undefined : put(request, { ...row, ...fields, id })
    },
    remove (request, id) {
      const row = rowsOf(request).get(id)
      rowsOf(request).delete(id)
      return row
    }
  }
}
