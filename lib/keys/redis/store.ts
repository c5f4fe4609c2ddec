import { randomUUID } from 'node:crypto'
import { newestGeneration } from '../codec.js'
import { KeyExistsError } from '../../core/store-error.js'
import { loadKey, type ApiKey } from '../record.js'
import type { KeyPage, KeyStore } from '../store.js'
import { mergeUses } from '../verification/merge-usage.js'
import type { Command } from '../../redis/client.js'
import { idOf, memberOf, type Layout } from './layout.js'
import { createNotices } from './notices.js'
import { fieldsOf, marksOf, recordOf, textsOf, type StoredRecord } from './records.js'
import { FOLLOW, PAGE, READ, USE, WRITE } from './scripts.js'

interface Write {
  readonly key: ApiKey
  readonly createdAt: Date
  /** '' for a new key. */
  readonly expected: string
  readonly leave: readonly string[]
  readonly join: readonly string[]
  readonly fields: readonly string[]
}

/** Uses that are on their way to Redis at once. */
const USES_AT_ONCE = 100

/**
 * A hash leads to a record, and opens it only while the record lists it too. So hashes are written before the record and
 * removed after it: whatever ends in between leaves a hash that leads nowhere.
 */
export function createStore (command: Command, layout: Layout): KeyStore {
  const { notices, announce } = createNotices(command, layout)

  async function read (workspace: string, id: string): Promise<StoredRecord | undefined> {
    return recordOf(await command('eval', READ, '1', layout.record(workspace, id)))
  }

  /** @returns whether this call has made it, so that it may take it back @throws KeyTaken when it is another's */
  async function reserve (name: string, value: string): Promise<boolean> {
    if (await command('set', name, value, 'NX') !== null) return true
    if (await command('get', name) !== value) throw new KeyExistsError()
    return false
  }

  /** Takes a hash back that has come to nothing, unless the same change went through by another call. */
  async function release (hash: string, { workspace, id }: ApiKey): Promise<void> {
    const stored = await read(workspace, id)
    if (stored?.hashes.has(hash) !== true) await command('del', layout.hash(hash))
  }

  async function write ({ key, createdAt, expected, leave, join, fields }: Write): Promise<boolean> {
    const names = [layout.record(key.workspace, key.id), ...leave, ...join]
    await announce(key)
    return await command('eval', WRITE, String(names.length), ...names, randomUUID(), expected, String(leave.length), memberOf(createdAt, key.id), ...fields) === 1
  }

  /** Lists that a key is in beside that of its workspace. */
  function listsOf ({ workspace, owner, environment }: ApiKey): string[] {
    return [{ environment }, ...owner === undefined ? [] : [{ owner }, { owner, environment }]].map((of) => layout.list(workspace, of))
  }

  async function opened (hash: string, target: string): Promise<ReturnType<typeof loadKey> | undefined> {
    const [workspace, id]: [string, string] = JSON.parse(target)
    const stored = await read(workspace, id)
    const generation = stored?.hashes.get(hash)
    return stored === undefined || generation === undefined ? undefined : loadKey(stored.key, generation)
  }

  return {
    async insert (key, hash) {
      const { workspace, id, createdAt } = key
      await reserve(layout.id(id), workspace)
      const made = await reserve(layout.hash(hash), JSON.stringify([workspace, id]))
      const fields = [...fieldsOf(key, new Map([[hash, newestGeneration(key)]])), 'createdAt', String(createdAt.getTime())]
      if (await write({ key, createdAt, expected: '', leave: [], join: [layout.list(workspace), ...listsOf(key)], fields })) return
      if (made) await release(hash, key)
      throw new KeyExistsError()
    },
    async findByHash (hash) {
      const target = await command('eval', FOLLOW, '1', layout.hash(hash))
      return typeof target === 'string' ? await opened(hash, target) : undefined
    },
    async get (workspace, id) {
      return (await read(workspace, id))?.key
    },
    async list (workspace, { limit, after, owner, environment }: KeyPage) {
      const name = layout.list(workspace, { owner, environment })
      const keys: ApiKey[] = []
      for (let below = after === undefined ? '+' : `(${memberOf(after.createdAt, after.id)}`; ;) {
        const members = textsOf(await command('eval', PAGE, '1', name, below, String(limit + 1)))
        for (const stored of await Promise.all(members.map((member) => read(workspace, idOf(member))))) {
          const key = stored?.key
          if (key === undefined) continue
          const last = keys.at(-1)
          if (keys.length === limit && last !== undefined) return { keys, next: { createdAt: last.createdAt, id: last.id } }
          keys.push(key)
        }
        if (members.length <= limit) return { keys, next: undefined }
        below = `(${members.at(-1)}`
      }
    },
    async update (key, hash) {
      const { workspace, id, version } = key
      const stored = await read(workspace, id)
      if (stored?.key.version !== version - 1) return false
      if (hash !== undefined && stored.hashes.has(hash)) throw new KeyExistsError()
      const made = hash !== undefined && await reserve(layout.hash(hash), JSON.stringify([workspace, id]))
      const listed = new Set(key.secrets.map(({ generation }) => generation))
      const hashes = new Map([...stored.hashes].filter(([, generation]) => listed.has(generation)))
      if (hash !== undefined) hashes.set(hash, newestGeneration(key))
      const [before, now] = [listsOf(stored.key), listsOf(key)]
      const leave = before.filter((name) => !now.includes(name))
      const join = now.filter((name) => !before.includes(name))
      const written = await write({ key, createdAt: stored.key.createdAt, expected: String(version - 1), leave, join, fields: fieldsOf(key, hashes) })
      if (made && !written) await release(hash, key)
      const forgotten = written ? [...stored.hashes.keys()].filter((one) => !hashes.has(one)) : []
      for (const one of forgotten) await command('del', layout.hash(one)).catch(ignore)
      return written
    },
    notices,
    async recordUse (uses) {
      const merged = mergeUses(uses)
      for (let i = 0; i < merged.length; i += USES_AT_ONCE) {
        await Promise.all(merged.slice(i, i + USES_AT_ONCE).map((use) => command('eval', USE, '1', layout.record(use.workspace, use.id), ...marksOf(use))))
      }
    }
  }
}

/** A hash that is left behind leads to a record that doesn't list it. */
function ignore (): void {}
