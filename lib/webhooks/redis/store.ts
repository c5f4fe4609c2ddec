import { DuplicateError } from '../../core/store-error.js'
import { createScript, textsOf } from '../../redis/commands.js'
import { idOf, memberOf } from '../../redis/names.js'
import type { OpenRedis } from '../../redis/options.js'
import { readEndpoint, writeAttempts, writeDelivery, writeEndpoint } from '../codec.js'
import { isSubscribed, type Delivery, type WebhookEndpoint } from '../endpoint.js'
import type { Claim, EndpointRef, WebhookStore } from '../store.js'
import { deliveryOf, deliveryRefOf, endpointOf, entryOf, nameOf } from './records.js'
import { createRedisKeys } from './redis-keys.js'
import { ADD, CLAIM, DELETE, INSERT, LEASE, NEXT, RELEASE, REMOVE, SETTLE, UPDATE } from './scripts.js'

/** For how long a process has endpoints to itself while it claims deliveries to them. */
const ENDPOINT_LEASE_MS = 5000
/** Deliveries that one script, or one command, deletes. */
const BATCH_SIZE = 500
const STATES = ['pending', 'delivered', 'failed'] as const

/**
 * What is true is stored with the workspace. The sets of all workspaces, `claimable` and `made`, only say where to
 * look, and are written before what they lead to. An endpoint with a new delivery has the score 0 in `claimable`, so
 * that a process that has leased it meanwhile sees that its own score is gone.
 */
export function createRedisStore ({ command, namespace }: OpenRedis): WebhookStore {
  const redisKeys = createRedisKeys(namespace)
  const script = createScript(command)

  function listsOf (endpoint: EndpointRef): string[] {
    return [redisKeys.list(endpoint), ...STATES.map((state) => redisKeys.list(endpoint, state))]
  }

  async function getEndpoint (workspace: string, id: string): Promise<WebhookEndpoint | undefined> {
    const record = await command('hget', redisKeys.endpoint(workspace, id), 'record')
    return typeof record === 'string' ? readEndpoint(record) : undefined
  }

  async function listEndpoints (workspace: string): Promise<WebhookEndpoint[]> {
    const members = textsOf(await command('zrevrangebylex', redisKeys.endpoints(workspace), '+', '-'))
    const found = await Promise.all(members.map((member) => getEndpoint(workspace, idOf(member))))
    return found.filter((endpoint) => endpoint !== undefined)
  }

  /** @param condition what the script compares with what is stored */
  async function write (text: string, endpoint: WebhookEndpoint, condition: number): Promise<boolean> {
    const { workspace, id, version, createdAt } = endpoint
    const names = [redisKeys.endpoint(workspace, id), redisKeys.endpoints(workspace)]
    return await script(text, names, [condition, version, writeEndpoint(endpoint), memberOf(createdAt, id)]) === 1
  }

  async function getDelivery (endpoint: EndpointRef, id: string): Promise<Delivery | undefined> {
    return deliveryOf(await command('hmget', redisKeys.deliveries(endpoint) + id, 'record', 'attempts', 'state', 'due'))
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
  async function claimOf (of: EndpointRef, now: number, until: number, limit: number): Promise<[Claim[], string]> {
    const reply = await script(CLAIM, [redisKeys.due(of)], [now, until, limit, redisKeys.deliveries(of)])
    const [next, claimed]: unknown[] = Array.isArray(reply) ? reply : []
    const deliveries = Array.isArray(claimed) ? claimed.map(deliveryOf) : []
    const valid = deliveries.filter((delivery) => delivery !== undefined)
    return [valid.map((delivery) => ({ delivery, leasedUntil: until })), String(next)]
  }

  /** @returns how many were kept, since they are pending */
  async function remove (endpoint: EndpointRef, members: readonly string[], keepPending: boolean): Promise<number> {
    const ids = members.flatMap((member) => [idOf(member), member])
    const names = [redisKeys.due(endpoint), ...listsOf(endpoint)]
    return Number(await script(DELETE, names, [redisKeys.deliveries(endpoint), Number(keepPending), ...ids]))
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
      const names = [redisKeys.endpoint(workspace, id), redisKeys.endpoints(workspace)]
      const removed = await script(REMOVE, names, [memberOf(endpoint.createdAt, id)]) === 1
      const ref = { workspace, endpointId: id }
      for (;;) {
        const range = ['-', '+', 'LIMIT', '0', String(BATCH_SIZE)]
        const members = textsOf(await command('zrangebylex', redisKeys.list(ref), ...range))
        if (members.length === 0) break
        await remove(ref, members, false)
        await command('zrem', redisKeys.made, ...members.map((member) => entryOf(ref, idOf(member))))
      }
      await command('zrem', redisKeys.claimable, nameOf(ref))
      return removed
    },
    async subscribed (workspace, type) {
      return (await listEndpoints(workspace)).filter((endpoint) => isSubscribed(endpoint, type))
    },

    async enqueue (deliveries) {
      const added: Delivery[] = []
      for (const delivery of deliveries) if (await add(delivery)) added.push(delivery)
      for (const endpoint of new Set(added.map(nameOf))) await command('zadd', redisKeys.claimable, '0', endpoint)
      return added.map(({ id }) => id)
    },
    getDelivery: (workspace, endpointId, id) => getDelivery({ workspace, endpointId }, id),
    async listDeliveries (workspace, endpointId, { limit, after, state }) {
      const ref = { workspace, endpointId }
      const from = after === undefined ? '+' : `(${memberOf(after.createdAt, after.id)}`
      const range = [from, '-', 'LIMIT', '0', String(limit + 1)]
      const members = textsOf(await command('zrevrangebylex', redisKeys.list(ref, state), ...range))
      const found = await Promise.all(members.slice(0, limit).map((member) => getDelivery(ref, idOf(member))))
      const deliveries = found.filter((delivery) => delivery !== undefined)
      const last = members.length > limit ? deliveries.at(-1) : undefined
      return { deliveries, next: last && { createdAt: last.createdAt, id: last.id } }
    },
    async claim (now, lease, { limit, perEndpoint, endpointLimits = [], only }) {
      const limits = new Map(endpointLimits.map((one) => [nameOf(one), one.limit]))
      const claims: Claim[] = []
      const claimFrom = async (endpoint: EndpointRef): Promise<string> => {
        const most = Math.min(limits.get(nameOf(endpoint)) ?? perEndpoint, limit - claims.length)
        const [claimed, next] = await claimOf(endpoint, now, now + lease, most)
        claims.push(...claimed)
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
    async prune (before, limit) {
      let pruned = 0
      for (let offset = 0; pruned < limit;) {
        const range = ['-inf', `(${before.getTime()}`, 'LIMIT', String(offset), '1']
        const [entry] = textsOf(await command('zrangebyscore', redisKeys.made, ...range))
        if (entry === undefined) break
        const ref = deliveryRefOf(entry)
        const stored = await getDelivery(ref, ref.id)
        const kept = stored === undefined ? 0 : await remove(ref, [memberOf(stored.createdAt, ref.id)], true)
        if (kept === 0) await command('zrem', redisKeys.made, entry)
        offset += kept
        if (stored !== undefined) pruned += 1 - kept
      }
      return pruned
    }
  }
}

/** @param score '' for never */
function timeOf (score: string): number | undefined {
  return score === '' ? undefined : Number(score)
}
