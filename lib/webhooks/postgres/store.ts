import { migrate } from './schema.js'
import { once, type Row, type Sql } from '../../postgres/sql.js'
import { readAttempts, readDelivery, readEndpoint, readState, writeAttempts, writeDelivery, writeEndpoint } from '../codec.js'
import { isSubscribed, type Delivery, type WebhookEndpoint } from '../endpoint.js'
import { EndpointExistsError, type ClaimLimit, type WebhookStore } from '../store.js'
import { statementsOf } from './statements.js'

/** A webhook store whose tables are made, or brought up to date, with its first use. */
export interface SqlWebhookStore extends WebhookStore {
  /** Makes the tables or brings them up to date now, so that a fault is known at boot. May be called by many at once. */
  migrate (): Promise<void>
  close (): Promise<void>
}

/** Milliseconds for which endpoints are one caller's while it takes their deliveries. */
const TURN = 5000
/** Deliveries that one statement forgets. */
const AT_ONCE = 2000

export function createSqlWebhookStore (sql: Sql, schema: string): SqlWebhookStore {
  const statements = statementsOf(schema)
  const ready = once(() => migrate(sql, schema))

  async function run (text: string, values: unknown[]): Promise<readonly Row[]> {
    await ready()
    return await sql.run(text, values)
  }

  async function endpointsOf (workspace: string): Promise<WebhookEndpoint[]> {
    return (await run(statements.listEndpoints, [workspace])).map(({ record }) => readEndpoint(String(record)))
  }

  async function lanesFor (now: number, { limit, except = [], only }: ClaimLimit): Promise<string[]> {
    const rows = only === undefined ? await run(statements.turns, [now, now + TURN, limit, except]) : await run(statements.lane, [only.workspace, only.endpointId])
    return rows.map(({ id }) => String(id))
  }

  async function nextFor ({ except = [], only }: ClaimLimit): Promise<number | undefined> {
    const [row] = only === undefined ? await run(statements.next, [except]) : await run(statements.nextOf, [only.endpointId])
    const next = row?.next ?? null
    return next === null ? undefined : Number(next)
  }

  return {
    migrate: ready,
    async insertEndpoint (endpoint) {
      const { id, workspace, createdAt, version } = endpoint
      const added = await run(statements.insertEndpoint, [id, workspace, createdAt.getTime(), version, writeEndpoint(endpoint)])
      if (added.length === 0) throw new EndpointExistsError()
    },
    async getEndpoint (workspace, id) {
      const [row] = await run(statements.getEndpoint, [workspace, id])
      return row && readEndpoint(String(row.record))
    },
    listEndpoints: endpointsOf,
    async updateEndpoint (endpoint) {
      const { id, workspace, version } = endpoint
      return (await run(statements.updateEndpoint, [id, workspace, version, writeEndpoint(endpoint)])).length > 0
    },
    async removeEndpoint (workspace, id) {
      const removed = await run(statements.removeEndpoint, [workspace, id])
      if (removed.length === 0) return false
      while ((await run(statements.forget, [id, AT_ONCE])).length === AT_ONCE);
      return true
    },
    subscribed: async (workspace, type) => (await endpointsOf(workspace)).filter((endpoint) => isSubscribed(endpoint, type)),

    async enqueue (deliveries) {
      const column = (of: (delivery: Delivery) => unknown): unknown[] => deliveries.map(of)
      const added = await run(statements.enqueue, [
        column(({ id }) => id), column(({ endpointId }) => endpointId), column(({ workspace }) => workspace), column(({ createdAt }) => createdAt.getTime()),
        column(({ state }) => state), column(writeDelivery), column(({ attempts }) => writeAttempts(attempts)), column(({ nextAt }) => nextAt?.getTime() ?? null)
      ])
      const ids = new Set(added.map(({ id }) => id))
      return deliveries.map(({ id }) => id).filter((id) => ids.has(id))
    },
    async getDelivery (workspace, endpointId, id) {
      const [row] = await run(statements.getDelivery, [workspace, endpointId, id])
      return row && deliveryOf(row)
    },
    async listDeliveries (workspace, endpointId, { limit, after, state }) {
      const values = [workspace, endpointId, limit + 1, ...state === undefined ? [] : [state], ...after === undefined ? [] : [after.createdAt.getTime(), after.id]]
      const rows = await run(statements.listing({ state: state !== undefined, after: after !== undefined }), values)
      const found = rows.map(deliveryOf)
      const last = found.length > limit ? found[limit - 1] : undefined
      return { deliveries: found.slice(0, limit), next: last && { createdAt: last.createdAt, id: last.id } }
    },
    async claim (now, lease, limit) {
      const leasedUntil = now + lease
      const lanes = await lanesFor(now, limit)
      const rows = lanes.length === 0 ? [] : await run(statements.take, [lanes, now, leasedUntil, limit.perEndpoint, limit.limit])
      if (limit.only === undefined && lanes.length > 0) await run(statements.pass, [lanes, now + TURN, now])
      return { claims: rows.map((row) => ({ delivery: deliveryOf(row), leasedUntil })), nextAt: await nextFor(limit) }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const { endpointId, id, attempts } = delivery
      const settled = await run(statements.settle, [endpointId, id, leasedUntil, state, writeAttempts([...attempts, attempt]), nextAt?.getTime() ?? null])
      return settled.length > 0
    },
    prune: async (before, limit) => (await run(statements.prune, [before.getTime(), limit])).length,
    close: once(sql.close)
  }
}

function deliveryOf ({ record, attempts, state, due_at: due }: Row): Delivery {
  return readDelivery(String(record), { state: readState(String(state)), attempts: readAttempts(String(attempts)), due: due === null ? undefined : Number(due) })
}
