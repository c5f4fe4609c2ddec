import { crc32 } from 'node:zlib'
import { cutPage } from '../../core/cursor.js'
import { readEach, type OnBroken } from '../../core/stored-record.js'
import { positionOf } from '../../postgres/database.js'
import { withTables } from '../../postgres/migrate.js'
import type { OpenDatabase } from '../../postgres/options.js'
import { writeAttempts, writeDelivery, writeEndpoint } from '../codec.js'
import { isSubscribed, type Delivery, type WebhookEndpoint } from '../endpoint.js'
import type { ClaimLimit, WebhookStore } from '../store.js'
import { deliveryOf, endpointOf } from './rows.js'
import { tables } from './schema.js'
import { createStatements } from './statements.js'

/** A webhook store that makes its tables with its first use. */
export interface SqlWebhookStore extends WebhookStore {
  /** Makes the tables, or brings those of an earlier release up to date. Processes may call it at the same time. */
  migrate (): Promise<void>
  ready (): Promise<void>
  close (): Promise<void>
}

/** For how long a process has endpoints to itself while it claims deliveries to them. */
const ENDPOINT_LEASE_MS = 5000
/** First half of the advisory lock under which endpoints are added; the second half depends on the workspace. */
const WORKSPACE_LOCK = 0x6c617465
/** Seconds for each statement that adds an endpoint, including the wait for those of other calls. */
const INSERT_TIMEOUT = 5
/** Deliveries that one statement deletes. */
const BATCH_SIZE = 2000

export function createSqlWebhookStore ({ database, schema, atBoot }: OpenDatabase): SqlWebhookStore {
  const statements = createStatements(schema)
  const { read, write, transaction, migrate, ready, close } = withTables(database, schema, tables, atBoot)

  async function listEndpoints (workspace: string, onBroken?: OnBroken): Promise<WebhookEndpoint[]> {
    return readEach(await read(statements.listEndpoints, [workspace]), endpointOf, onBroken)
  }

  /** Ids of the endpoints to whom deliveries are claimed. */
  async function leaseEndpoints (now: number, { limit, endpointLimits, only }: ClaimLimit): Promise<string[]> {
    const rows = only === undefined
      ? await write(statements.leaseEndpoints, [now, now + ENDPOINT_LEASE_MS, limit, unwanted(endpointLimits)])
      : await read(statements.findEndpoint, [only.workspace, only.endpointId])
    return rows.map(({ id }) => String(id))
  }

  async function nextFor ({ endpointLimits, only }: ClaimLimit): Promise<number | undefined> {
    const [row] = only === undefined
      ? await read(statements.nextOfAll, [unwanted(endpointLimits)])
      : await read(statements.nextOfOne, [only.endpointId])
    const next = row?.next ?? null
    return next === null ? undefined : Number(next)
  }

  return {
    migrate,
    ready,
    close,
    async insertEndpoint (endpoint, maxEndpoints) {
      const { id, workspace, createdAt, version } = endpoint
      return await transaction(INSERT_TIMEOUT, async (run) => {
        await run(statements.lockWorkspace, [WORKSPACE_LOCK, crc32(`${schema} ${workspace}`) | 0])
        const values = [id, workspace, createdAt.getTime(), version, writeEndpoint(endpoint), maxEndpoints]
        return (await run(statements.insertEndpoint, values)).length > 0
      })
    },
    async getEndpoint (workspace, id) {
      const [row] = await read(statements.getEndpoint, [workspace, id])
      return row && endpointOf(row)
    },
    listEndpoints,
    async updateEndpoint (endpoint) {
      const { id, workspace, version } = endpoint
      return (await write(statements.updateEndpoint, [id, workspace, version, writeEndpoint(endpoint)])).length > 0
    },
    async removeEndpoint (workspace, id) {
      const removed = await write(statements.removeEndpoint, [workspace, id])
      if (removed.length === 0) return false
      while ((await write(statements.removeDeliveries, [id, BATCH_SIZE])).length === BATCH_SIZE);
      return true
    },
    async subscribed (workspace, type, onBroken) {
      return (await listEndpoints(workspace, onBroken)).filter((endpoint) => isSubscribed(endpoint, type))
    },

    async enqueue (deliveries) {
      const column = (of: (delivery: Delivery) => unknown): unknown[] => deliveries.map(of)
      const added = await write(statements.enqueue, [
        column(({ id }) => id),
        column(({ endpointId }) => endpointId),
        column(({ workspace }) => workspace),
        column(({ createdAt }) => createdAt.getTime()),
        column(({ state }) => state),
        column(writeDelivery),
        column(({ attempts }) => writeAttempts(attempts)),
        column(({ nextAt }) => nextAt?.getTime() ?? null)
      ])
      const ids = new Set(added.map(({ id }) => id))
      return deliveries.map(({ id }) => id).filter((id) => ids.has(id))
    },
    async getDelivery (workspace, endpointId, id) {
      const [row] = await read(statements.getDelivery, [workspace, endpointId, id])
      return row && deliveryOf(row)
    },
    async listDeliveries (workspace, endpointId, { limit, after, state }, onBroken) {
      const text = statements.listDeliveries({ state: state !== undefined, after: after !== undefined })
      const rows = await read(text, [
        workspace,
        endpointId,
        limit + 1,
        ...state === undefined ? [] : [state],
        ...after === undefined ? [] : [after.createdAt.getTime(), after.id]
      ])
      const [found, next] = cutPage(rows.map(positionOf), limit)
      return { deliveries: readEach(found, ({ row }) => deliveryOf(row), onBroken), next }
    },
    async claim (now, lease, limit, onBroken) {
      const leasedUntil = now + lease
      const leased = await leaseEndpoints(now, limit)
      const limits = new Map(limit.endpointLimits?.map(({ endpointId, limit }) => [endpointId, limit]))
      const wanted = leased.map((id) => limits.get(id) ?? limit.perEndpoint)
      const rows = leased.length === 0
        ? []
        : await write(statements.claim, [leased, now, leasedUntil, wanted, limit.limit])
      if (limit.only === undefined && leased.length > 0) {
        await write(statements.releaseEndpoints, [leased, now + ENDPOINT_LEASE_MS, now])
      }
      const claims = readEach(rows, (row) => ({ delivery: deliveryOf(row), leasedUntil }), onBroken)
      return { claims, nextAt: await nextFor(limit) }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const { endpointId, id, attempts } = delivery
      const next = nextAt?.getTime() ?? null
      const settled = await write(statements.settle, [
        endpointId, id, leasedUntil, state, writeAttempts([...attempts, attempt]), next
      ])
      return settled.length > 0
    },
    async prune (before, limit) {
      const { length: pruned } = await write(statements.prune, [before.getTime(), limit])
      return pruned + (await write(statements.pruneOrphans, [limit - pruned])).length
    }
  }
}

/** Ids of the endpoints of which nothing is wanted. */
function unwanted (limits: ClaimLimit['endpointLimits'] = []): string[] {
  return limits.filter(({ limit }) => limit === 0).map(({ endpointId }) => endpointId)
}
