import { randomInt } from 'node:crypto'
import { readEach } from '../../core/stored-record.js'
import { createScript, textsOf, type Command } from '../../redis/commands.js'
import type { ApiKey } from '../record.js'
import type { DueKey, KeyNotices } from '../store.js'
import { CLAIM, MOVE, SETTLE, TAKE } from './notice-scripts.js'
import { eventField, eventsIn, fieldsIn, noticedIn, recordOf } from './records.js'
import type { RedisKeys } from './redis-keys.js'

/** How long to wait for the write of a change that was announced and is not visible yet. */
const RETRY_AFTER_MS = 10_000
/**
 * An announcement has a random score below all times, so that a reader sees whether there was another one meanwhile.
 */
const ANNOUNCEMENTS = 2 ** 47

interface Taken { readonly member: string, readonly score: number }

interface LeasedRecord {
  readonly workspace: string
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
  readonly leasedUntil: number
}

interface RedisNotices {
  readonly notices: KeyNotices
  /** Makes a key due before it is written, so that a crash in between loses no notice. */
  announce (key: ApiKey): Promise<void>
}

/**
 * The sorted set only says which records to read: they may be in other slots, so set and record can't be written
 * together. The record has the truth. The set never has a later time than the record for longer than
 * `RETRY_AFTER_MS`, wherever a process ends in between.
 */
export function createNotices (command: Command, redisKeys: RedisKeys): RedisNotices {
  const script = createScript(command)

  async function announce ({ workspace, id }: Pick<ApiKey, 'workspace' | 'id'>): Promise<void> {
    await command('zadd', redisKeys.due, String(-randomInt(1, ANNOUNCEMENTS)), JSON.stringify([workspace, id]))
  }

  /** Does nothing if a change was announced meanwhile. @param at '' for a key that needs no notice */
  async function move ({ member, score }: Taken, at: string): Promise<void> {
    await script(MOVE, [redisKeys.due], [member, score, at])
  }

  /** @returns undefined where the record is not due */
  async function claim (taken: Taken, now: number, until: number): Promise<LeasedRecord | undefined> {
    const [workspace, id]: [string, string] = JSON.parse(taken.member)
    const reply = textsOf(await script(CLAIM, [redisKeys.record(workspace, id)], [now, until]))
    const [at, ...more] = reply
    if (more.length > 0) return { workspace, id, fields: fieldsIn(reply), leasedUntil: until }
    const retryAt = now + RETRY_AFTER_MS
    const isBeingWritten = taken.score <= 0 && (at === '' || Number(at) > retryAt)
    await move({ ...taken, score: until }, isBeingWritten ? String(retryAt) : String(at))
    return undefined
  }

  return {
    announce,
    notices: {
      async due (now, lease, limit, onBroken) {
        const until = now + lease
        const due: DueKey[] = []
        while (due.length < limit) {
          const taken = pairs(await script(TAKE, [redisKeys.due], [now, until, limit - due.length]))
          if (taken.length === 0) break
          const claimed = await Promise.all(taken.map((one) => claim(one, now, until)))
          due.push(...readEach(claimed.filter((one) => one !== undefined), dueKeyOf, onBroken))
        }
        return due
      },
      async settle ({ key, leasedUntil }, noticed, next) {
        const { workspace, id, version } = key
        const at = next === undefined ? '' : String(next)
        const record = redisKeys.record(workspace, id)
        const settled = await script(SETTLE, [record], [leasedUntil, version, JSON.stringify(noticed), at])
        if (settled === null) return false
        if (settled === at) await move({ member: JSON.stringify([workspace, id]), score: leasedUntil }, at)
        else await announce(key)
        return true
      },
      async emitted ({ workspace, id }, eventIds) {
        if (eventIds.length > 0) await command('hdel', redisKeys.record(workspace, id), ...eventIds.map(eventField))
      }
    }
  }
}

/** @throws RecordError */
function dueKeyOf ({ workspace, id, fields, leasedUntil }: LeasedRecord): DueKey {
  const { key } = recordOf(workspace, id, fields)
  return { key, noticed: noticedIn(id, fields), events: eventsIn(id, fields), leasedUntil }
}

/** @param reply members and scores in turn */
function pairs (reply: unknown): Taken[] {
  const texts = textsOf(reply)
  return texts.flatMap((member, i) => i % 2 === 0 ? [{ member, score: Number(texts[i + 1]) }] : [])
}
