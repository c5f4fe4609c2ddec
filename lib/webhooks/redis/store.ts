import { cutPage } from '../../core/cursor.js'
import { DuplicateError } from '../../core/store-error.js'
import { readEach, type OnBroken } from '../../core/stored-record.js'
import { createScript, listOf, textsOf } from '../../redis/commands.js'
import { idOf, memberOf, positionOf } from '../../redis/names.js'
import type { OpenRedis } from '../../redis/options.js'
import { readEndpoint, writeAttempts, writeDelivery, writeEndpoint } from '../codec.js'
import { isSubscribed, type Delivery, type WebhookEndpoint } from '../endpoint.js'
import type { Claim, EndpointRef, WebhookStore } from '../store.js'
import { deliveryOf, endpointOf, entryOf, nameOf, type StoredDelivery } from './records.js'
import { createRedisKeys } from './redis-keys.js'
import { createRemoval } from './removal.js'
import { ADD, CLAIM, INSERT, LEASE, NEXT, RELEASE, REMOVE, SETTLE, UPDATE } from './scripts.js'

/** For how long a process has endpoints to itself while it claims deliveries to them. */
const ENDPOINT_LEASE_MS = 5000

/**
 * What is true is stored with the workspace. The sets of all workspaces, `claimable` and `made`, only say where to
 * look, and are written before what they lead to. An endpoint with a new delivery has the score 0 in `claimable`, so
 * that a process that has leased it meanwhile sees that its own score is gone.
 */
export function createRedisStore ({ command, namespace }: OpenRedis): WebhookStore {
  const redisKeys = createRedisKeys(namespace)
  const script = createScript(command)
  const { removeAll, prune } = createRemoval(command, redisKeys)

  /** @returns no string where there is none */
  async function recordOf (workspace: string, id: string): Promise<unknown> {
    return await command('hget', redisKeys.endpoint(workspace, id), 'record')
  }

  async function getEndpoint (workspace: string, id: string): Promise<WebhookEndpoint | undefined> {
    const record = await recordOf(workspace, id)
    return typeof record === 'string' ? readEndpoint({ workspace, id }, record) : undefined
  }

  async function listEndpoints (workspace: string, onBroken?: OnBroken): Promise<WebhookEndpoint[]> {
    const ids = textsOf(await command('zrevrangebylex', redisKeys.endpoints(workspace), '+', '-')).map(idOf)
    const found = await Promise.all(ids.map(async (id) => ({ id, record: await recordOf(workspace, id) })))
    const stored = found.filter(({ record }) => typeof record === 'string')
    return readEach(stored, ({ id, record }) => readEndpoint({ workspace, id }, String(record)), onBroken)
  }

  /** @param condition what the script compares with what is stored */
  async function write (text: string, endpoint: WebhookEndpoint, condition: number): Promise<boolean> {
    const { workspace, id, version, createdAt } = endpoint
    const names = [redisKeys.endpoint(workspace, id), redisKeys.endpoints(workspace)]
    return await script(text, names, [condition, version, writeEndpoint(endpoint), memberOf(createdAt, id)]) === 1
  }

  async function findDelivery (endpoint: EndpointRef, id: string): Promise<StoredDelivery | undefined> {
    const name = redisKeys.deliveries(endpoint) + id
    const fields = listOf(await command('hmget', name, 'record', 'attempts', 'state', 'due'))
    return fields.every((field) => field === null) ? undefined : { endpoint, id, fields }
  }

  async function add (delivery: Delivery): Promise<boolean> {
    const { id, workspace, endpointId, state, createdAt, nextAt, attempts } = delivery
    await command('zadd', redisKeys.made, 'NX', String(createdAt.getTime()), entryOf(delivery, id))
    const names = [
      redisKeys.endpoint(workspace, endpointId),
      redisKeys.deliveries(delivery) + id,
      redisKeys.due(delivery),
      redisKeys.list(delivery),
      redisKeys.list(delivery, state)
    ]
    const due = nextAt?.getTime() ?? ''
    const args = [id, memberOf(createdAt, id), due, writeDelivery(delivery), writeAttempts(attempts), state]
    return await script(ADD, names, args) === 1
  }

  /** @returns deliveries that are this caller's now, and when the next one is due ('' for never) */
  async function claimOf (
    endpoint: EndpointRef, now: number, until: number, limit: number
  ): Promise<[StoredDelivery[], string]> {
    const args = [now, until, limit, redisKeys.deliveries(endpoint)]
    const [next, ids, claimed] = listOf(await script(CLAIM, [redisKeys.due(endpoint)], args))
    const names = textsOf(ids)
    const found = listOf(claimed).map((fields, i) => ({ endpoint, id: String(names[i]), fields: listOf(fields) }))
    return [found, String(next)]
  }

  return {
    async insertEndpoint (endpoint, maxEndpoints) {
      const { id, workspace } = endpoint
      if (await command('set', redisKeys.id(id), workspace, 'NX') === null) throw new DuplicateError()
      const added = await write(INSERT, endpoint, maxEndpoints)
      if (!added) await command('del', redisKeys.id(id))
      return added
    },
    getEndpoint,
    listEndpoints,
    updateEndpoint: (endpoint) => write(UPDATE, endpoint, endpoint.version - 1),
    async removeEndpoint (workspace, id) {
      const endpoint = await getEndpoint(workspace, id)
      if (endpoint === undefined) return false
      // First, since a process that ends before the rest is done leaves an endpoint that can be removed again.
      await command('del', redisKeys.id(id))
      const names = [redisKeys.endpoint(workspace, id), redisKeys.endpoints(workspace)]
      const removed = await script(REMOVE, names, [memberOf(endpoint.createdAt, id)]) === 1
      const ref = { workspace, endpointId: id }
      await removeAll(ref)
      await command('zrem', redisKeys.claimable, nameOf(ref))
      return removed
    },
    async subscribed (workspace, type, onBroken) {
      return (await listEndpoints(workspace, onBroken)).filter((endpoint) => isSubscribed(endpoint, type))
    },

    async enqueue (deliveries) {
      const added: Delivery[] = []
      for (const delivery of deliveries) if (await add(delivery)) added.push(delivery)
      for (const endpoint of new Set(added.map(nameOf))) await command('zadd', redisKeys.claimable, '0', endpoint)
      return added.map(({ id }) => id)
    },
    async getDelivery (workspace, endpointId, id) {
      const stored = await findDelivery({ workspace, endpointId }, id)
      return stored && deliveryOf(stored)
    },
    async listDeliveries (workspace, endpointId, { limit, after, state }, onBroken) {
      const ref = { workspace, endpointId }
      const from = after === undefined ? '+' : `(${memberOf(after.createdAt, after.id)}`
      const range = [from, '-', 'LIMIT', '0', String(limit + 1)]
      const members = textsOf(await command('zrevrangebylex', redisKeys.list(ref, state), ...range))
      const [page, next] = cutPage(members.map(positionOf), limit)
      const found = await Promise.all(page.map(({ id }) => findDelivery(ref, id)))
      return { deliveries: readEach(found.filter((stored) => stored !== undefined), deliveryOf, onBroken), next }
    },
    async claim (now, lease, { limit, perEndpoint, endpointLimits = [], only }, onBroken) {
      const limits = new Map(endpointLimits.map((one) => [nameOf(one), one.limit]))
      const claims: Claim[] = []
      const claimFrom = async (endpoint: EndpointRef): Promise<string> => {
        const most = Math.min(limits.get(nameOf(endpoint)) ?? perEndpoint, limit - claims.length)
        const leasedUntil = now + lease
        const [claimed, next] = await claimOf(endpoint, now, leasedUntil, most)
        claims.push(...readEach(claimed, (stored) => ({ delivery: deliveryOf(stored), leasedUntil }), onBroken))
        return next
      }
      if (only !== undefined) return { claims, nextAt: timeOf(await claimFrom(only)) }
      const unwanted = [...limits].filter(([, limit]) => limit === 0).map(([name]) => name)
      const until = now + ENDPOINT_LEASE_MS
      for (const name of textsOf(await script(LEASE, [redisKeys.claimable], [now, until, limit, ...unwanted]))) {
        const next = timeOf(await claimFrom(endpointOf(name)))
        await script(RELEASE, [redisKeys.claimable], [name, until, next === undefined ? '' : Math.max(next, now)])
      }
      return { claims, nextAt: timeOf(String(await script(NEXT, [redisKeys.claimable], unwanted))) }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const { id, createdAt, attempts } = delivery
      const names = [
        redisKeys.deliveries(delivery) + id,
        redisKeys.due(delivery),
        redisKeys.list(delivery, 'pending'),
        redisKeys.list(delivery, state)
      ]
      const all = writeAttempts([...attempts, attempt])
      const args = [id, memberOf(createdAt, id), leasedUntil, state, all, nextAt?.getTime() ?? '']
      const settled = await script(SETTLE, names, args) === 1
      if (settled && nextAt !== undefined) await command('zadd', redisKeys.claimable, '0', nameOf(delivery))
      return settled
    },
    prune
  }
}

/** @param score '' for never */
function timeOf (score: string): number | undefined {
  return score === '' ? undefined : Number(score)
}
