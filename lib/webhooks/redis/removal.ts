import { createScript, listOf, textsOf, type Command } from '../../redis/commands.js'
import { idOf, memberOf } from '../../redis/names.js'
import type { EndpointRef, WebhookStore } from '../store.js'
import { deliveryRefOf, entryOf } from './records.js'
import { STATES, type RedisKeys } from './redis-keys.js'
import { DELETE } from './scripts.js'

/** Deliveries that one script, or one command, deletes. */
const BATCH_SIZE = 500

/** Deletes deliveries, and what leads to them. */
interface Removal extends Pick<WebhookStore, 'prune'> {
  removeAll (endpoint: EndpointRef): Promise<void>
}

export function createRemoval (command: Command, redisKeys: RedisKeys): Removal {
  const script = createScript(command)

  async function remove (
    endpoint: EndpointRef, members: readonly string[], keepPending: boolean
  ): Promise<{ kept: number, deleted: number }> {
    const ids = members.flatMap((member) => [idOf(member), member])
    const lists = [redisKeys.list(endpoint), ...STATES.map((state) => redisKeys.list(endpoint, state))]
    const args = [redisKeys.deliveries(endpoint), Number(keepPending), ...ids]
    const [kept, deleted] = listOf(await script(DELETE, [redisKeys.due(endpoint), ...lists], args)).map(Number)
    return { kept: Number(kept), deleted: Number(deleted) }
  }

  return {
    async removeAll (endpoint) {
      for (;;) {
        const range = ['-', '+', 'LIMIT', '0', String(BATCH_SIZE)]
        const members = textsOf(await command('zrangebylex', redisKeys.list(endpoint), ...range))
        if (members.length === 0) return
        await remove(endpoint, members, false)
        await command('zrem', redisKeys.made, ...members.map((member) => entryOf(endpoint, idOf(member))))
      }
    },
    async prune (before, limit) {
      let pruned = 0
      for (let offset = 0; pruned < limit;) {
        const range = ['-inf', `(${before.getTime()}`, 'WITHSCORES', 'LIMIT', String(offset), '1']
        const [entry, madeAt] = textsOf(await command('zrangebyscore', redisKeys.made, ...range))
        if (entry === undefined) break
        const ref = deliveryRefOf(entry)
        const { kept, deleted } = await remove(ref, [memberOf(new Date(Number(madeAt)), ref.id)], true)
        if (kept === 0) await command('zrem', redisKeys.made, entry)
        offset += kept
        pruned += deleted
      }
      return pruned
    }
  }
}
