import { randomInt } from 'node:crypto'
import type { ApiKey } from '../record.js'
import type { DueKey, KeyNotices } from '../store.js'
import type { Command } from '../../redis/client.js'
import type { Layout } from './layout.js'
import { fieldsIn, noticedIn, recordOf, textsOf } from './records.js'
import { CLAIM, MOVE, SETTLE, TAKE } from './notice-scripts.js'

/** Milliseconds after which a key is looked at again whose change was announced and could not be seen yet. */
const AGAIN = 10_000
/** Announcements have scores of their own, below those of all instants: who saw one sees whether there was another. */
const ANNOUNCEMENTS = 2 ** 47

interface Taken { readonly member: string, readonly score: number }

/**
 * A sorted set says where to look, and records, which may lie in other slots, say what is so: an instant in the set is
 * never later than that of the record for longer than `AGAIN`, whatever ends in between.
 */
export function createNotices (command: Command, layout: Layout): { readonly notices: KeyNotices, announce (key: ApiKey): Promise<void> } {
  async function announce ({ workspace, id }: Pick<ApiKey, 'workspace' | 'id'>): Promise<void> {
    await command('zadd', layout.due, String(-randomInt(1, ANNOUNCEMENTS)), JSON.stringify([workspace, id]))
  }

  /** Unless somebody has announced a change meanwhile. @param at '' for a key that needs no look */
  async function move ({ member, score }: Taken, at: string): Promise<void> {
    await command('eval', MOVE, '1', layout.due, member, String(score), at)
  }

  async function claim (taken: Taken, now: number, until: number): Promise<DueKey | undefined> {
    const [workspace, id]: [string, string] = JSON.parse(taken.member)
    const reply = textsOf(await command('eval', CLAIM, '1', layout.record(workspace, id), String(now), String(until)))
    const stored = recordOf(reply)
    if (stored !== undefined) return { key: stored.key, noticed: noticedIn(fieldsIn(reply)), leasedUntil: until }
    const at = reply.join()
    const again = now + AGAIN
    const isUnderWay = taken.score <= 0 && (at === '' || Number(at) > again)
    await move({ ...taken, score: until }, isUnderWay ? String(again) : at)
    return undefined
  }

  return {
    announce,
    notices: {
      async due (now, lease, limit) {
        const until = now + lease
        const held: DueKey[] = []
        while (held.length < limit) {
          const taken = pairs(await command('eval', TAKE, '1', layout.due, String(now), String(until), String(limit - held.length)))
          if (taken.length === 0) break
          const claimed = await Promise.all(taken.map((one) => claim(one, now, until)))
          held.push(...claimed.filter((one) => one !== undefined))
        }
        return held
      },
      async settle ({ key, leasedUntil }, noticed, next) {
        const { workspace, id, version } = key
        const at = next === undefined ? '' : String(next)
        const settled = await command('eval', SETTLE, '1', layout.record(workspace, id), String(leasedUntil), String(version), JSON.stringify(noticed), at)
        if (settled === null) return false
        if (settled === at) await move({ member: JSON.stringify([workspace, id]), score: leasedUntil }, at)
        else await announce(key)
        return true
      }
    }
  }
}

function pairs (reply: unknown): Taken[] {
  const texts = textsOf(reply)
  return texts.flatMap((member, i) => i % 2 === 0 ? [{ member, score: Number(texts[i + 1]) }] : [])
}
