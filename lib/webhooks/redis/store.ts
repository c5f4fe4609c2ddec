import type { Command } from '../../redis/client.js'
import { idOf, memberOf } from '../../keys/redis/layout.js'
import { textsOf } from '../../keys/redis/records.js'
import { readAttempts, readDelivery, readEndpoint, readState, writeAttempts, writeDelivery, writeEndpoint } from '../codec.js'
import { isSubscribed, type Delivery, type WebhookEndpoint } from '../endpoint.js'
import { EndpointExistsError, type Claim, type EndpointRef, type WebhookStore } from '../store.js'
import type { Layout } from './layout.js'
import { ADD, FORGET, NEXT, PASS, REMOVE, SETTLE, TAKE, TURNS, WRITE } from './scripts.js'

/** Milliseconds for which endpoints are one caller's while it takes their deliveries. */
const TURN = 5000
/** Deliveries that one script, or one command, forgets. */
const AT_ONCE = 500
const STATES = ['pending', 'delivered', 'failed'] as const

/**
 * What is so lies with the workspace; `turns` and `made` say where to look, and are written before what they lead to. A
 * lane that has something new has the turn 0, which whoever looks at it only moves if it is still what he saw.
 */
export function createStore (command: Command, layout: Layout): WebhookStore {
  const script = (text: string, keys: readonly string[], args: readonly unknown[]) => command('eval', text, String(keys.length), ...keys, ...args.map(String))
  const nameOf = ({ workspace, endpointId }: EndpointRef): string => JSON.stringify([workspace, endpointId])
  /** What `made` has of a delivery. */
  const entryOf = ({ workspace, endpointId }: EndpointRef, id: string): string => JSON.stringify([workspace, endpointId, id])
  const listsOf = (lane: EndpointRef): string[] => [layout.list(lane), ...STATES.map((state) => layout.list(lane, state))]

  async function getEndpoint (workspace: string, id: string): Promise<WebhookEndpoint | undefined> {
    const record = await command('hget', layout.endpoint(workspace, id), 'record')
    return typeof record === 'string' ? readEndpoint(record) : undefined
  }

  async function listEndpoints (workspace: string): Promise<WebhookEndpoint[]> {
    const members = textsOf(await command('zrevrangebylex', layout.endpoints(workspace), '+', '-'))
    const found = await Promise.all(members.map((member) => getEndpoint(workspace, idOf(member))))
    return found.filter((endpoint) => endpoint !== undefined)
  }

  async function write (endpoint: WebhookEndpoint, expected: string): Promise<boolean> {
    const { workspace, id, version, createdAt } = endpoint
    return await script(WRITE, [layout.endpoint(workspace, id), layout.endpoints(workspace)], [expected, version, writeEndpoint(endpoint), memberOf(createdAt, id)]) === 1
  }

  async function getDelivery (lane: EndpointRef, id: string): Promise<Delivery | undefined> {
    const fields = await command('hmget', layout.deliveries(lane) + id, 'record', 'attempts', 'state', 'due')
    return deliveryOf(fields)
  }

  async function add (delivery: Delivery): Promise<boolean> {
    const { id, state, createdAt, nextAt, attempts } = delivery
    await command('zadd', layout.made, 'NX', String(createdAt.getTime()), entryOf(delivery, id))
    const keys = [layout.endpoint(delivery.workspace, delivery.endpointId), layout.deliveries(delivery) + id, layout.due(delivery), layout.list(delivery), layout.list(delivery, state)]
    return await script(ADD, keys, [id, memberOf(createdAt, id), nextAt?.getTime() ?? '', writeDelivery(delivery), writeAttempts(attempts), state]) === 1
  }

  async function take (lane: EndpointRef, now: number, leasedUntil: number, most: number): Promise<{ claims: Claim[], next: string }> {
    const reply = await script(TAKE, [layout.due(lane)], [now, leasedUntil, most, layout.deliveries(lane)])
    const [next, taken]: unknown[] = Array.isArray(reply) ? reply : []
    const deliveries = (Array.isArray(taken) ? taken : []).map(deliveryOf).filter((delivery) => delivery !== undefined)
    return { next: String(next), claims: deliveries.map((delivery) => ({ delivery, leasedUntil })) }
  }

  async function forget (lane: EndpointRef, members: readonly string[], ended: boolean): Promise<number> {
    return Number(await script(FORGET, [layout.due(lane), ...listsOf(lane)], [layout.deliveries(lane), Number(ended), ...members.flatMap((member) => [idOf(member), member])]))
  }

  return {
    async insertEndpoint (endpoint) {
      const { id, workspace } = endpoint
      if (await command('set', layout.id(id), workspace, 'NX') === null) throw new EndpointExistsError()
      await write(endpoint, '')
    },
    getEndpoint,
    listEndpoints,
    updateEndpoint: (endpoint) => write(endpoint, String(endpoint.version - 1)),
    async removeEndpoint (workspace, id) {
      const endpoint = await getEndpoint(workspace, id)
      if (endpoint === undefined) return false
      const lane = { workspace, endpointId: id }
      const removed = await script(REMOVE, [layout.endpoint(workspace, id), layout.endpoints(workspace)], [memberOf(endpoint.createdAt, id)]) === 1
      for (;;) {
        const members = textsOf(await command('zrangebylex', layout.list(lane), '-', '+', 'LIMIT', '0', String(AT_ONCE)))
        if (members.length === 0) break
        await forget(lane, members, false)
        await command('zrem', layout.made, ...members.map((member) => entryOf(lane, idOf(member))))
      }
      await command('zrem', layout.turns, nameOf(lane))
      return removed
    },
    subscribed: async (workspace, type) => (await listEndpoints(workspace)).filter((endpoint) => isSubscribed(endpoint, type)),

    async enqueue (deliveries) {
      const added: Delivery[] = []
      for (const delivery of deliveries) if (await add(delivery)) added.push(delivery)
      const lanes = new Set(added.map(nameOf))
      for (const lane of lanes) await command('zadd', layout.turns, '0', lane)
      return added.map(({ id }) => id)
    },
    getDelivery: (workspace, endpointId, id) => getDelivery({ workspace, endpointId }, id),
    async listDeliveries (workspace, endpointId, { limit, after, state }) {
      const lane = { workspace, endpointId }
      const from = after === undefined ? '+' : `(${memberOf(after.createdAt, after.id)}`
      const members = textsOf(await command('zrevrangebylex', layout.list(lane, state), from, '-', 'LIMIT', '0', String(limit + 1)))
      const found = await Promise.all(members.slice(0, limit).map((member) => getDelivery(lane, idOf(member))))
      const deliveries = found.filter((delivery) => delivery !== undefined)
      const last = members.length > limit ? deliveries.at(-1) : undefined
      return { deliveries, next: last && { createdAt: last.createdAt, id: last.id } }
    },
    async claim (now, lease, { limit, perEndpoint, except = [], only }) {
      const names = await namesOf(except)
      const lanes = only === undefined ? textsOf(await script(TURNS, [layout.turns], [now, now + TURN, limit, ...names])) : [nameOf(only)]
      const claims: Claim[] = []
      let next = ''
      for (const name of lanes) {
        const [workspace, endpointId]: [string, string] = JSON.parse(name)
        const taken = await take({ workspace, endpointId }, now, now + lease, Math.min(perEndpoint, limit - claims.length))
        claims.push(...taken.claims)
        next = taken.next
        if (only === undefined) await script(PASS, [layout.turns], [name, now + TURN, next === '' ? '' : Math.max(Number(next), now)])
      }
      if (only === undefined) next = String(await script(NEXT, [layout.turns], names))
      return { claims, nextAt: next === '' ? undefined : Number(next) }
    },
    async settle ({ delivery, leasedUntil }, { attempt, state, nextAt }) {
      const { id, createdAt, attempts } = delivery
      const keys = [layout.deliveries(delivery) + id, layout.due(delivery), layout.list(delivery, 'pending'), layout.list(delivery, state)]
      const settled = await script(SETTLE, keys, [id, memberOf(createdAt, id), leasedUntil, state, writeAttempts([...attempts, attempt]), nextAt?.getTime() ?? '']) === 1
      if (settled && nextAt !== undefined) await command('zadd', layout.turns, '0', nameOf(delivery))
      return settled
    },
    async prune (before, limit) {
      let pruned = 0
      for (let offset = 0; pruned < limit;) {
        const found = textsOf(await command('zrangebyscore', layout.made, '-inf', `(${before.getTime()}`, 'LIMIT', String(offset), '1'))
        const [member] = found
        if (member === undefined) break
        const [workspace, endpointId, id]: [string, string, string] = JSON.parse(member)
        const lane = { workspace, endpointId }
        const stored = await getDelivery(lane, id)
        const pending = stored === undefined ? 0 : await forget(lane, [memberOf(stored.createdAt, id)], true)
        if (pending === 0) await command('zrem', layout.made, member)
        offset += pending
        if (stored !== undefined) pruned += 1 - pending
      }
      return pruned
    }
  }

  /** Lanes of endpoints. */
  async function namesOf (ids: readonly string[]): Promise<string[]> {
    return await Promise.all(ids.map(async (id) => nameOf({ workspace: String(await command('get', layout.id(id))), endpointId: id })))
  }
}

/** @param fields record, attempts, state and due; undefined where there is no record */
function deliveryOf (fields: unknown): Delivery | undefined {
  const [record, attempts, state, due] = Array.isArray(fields) ? fields.map((field: unknown) => typeof field === 'string' ? field : '') : []
  if (record === undefined || record === '') return undefined
  return readDelivery(record, { state: readState(String(state)), attempts: readAttempts(String(attempts)), due: due === '' ? undefined : Number(due) })
}
