import { randomUUID } from 'node:crypto'
import { cutPage } from '../../core/cursor.js'
import { DuplicateError } from '../../core/store-error.js'
import { readEach, type OnBroken } from '../../core/stored-record.js'
import { createScript, textsOf } from '../../redis/commands.js'
import { idOf, memberOf } from '../../redis/names.js'
import type { OpenRedis } from '../../redis/options.js'
import type { AccessEvent } from '../../events/index.js'
import { newestGeneration } from '../codec.js'
import { loadKey, type ApiKey, type LoadedKey } from '../record.js'
import type { InsertedKey, KeyPage, KeyStore, NewKey } from '../store.js'
import { mergeUses } from '../verification/merge-usage.js'
import { createNotices } from './notices.js'
import { eventFieldsOf, fieldsIn, fieldsOf, recordOf, useFieldsOf, type StoredRecord } from './records.js'
import { createRedisKeys } from './redis-keys.js'
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

/** Commands that `recordUse` sends at once. */
const BATCH_SIZE = 100

/**
 * A hash leads to a record, and opens it only while the record lists that hash too. Hashes are written before the
 * record and removed after it, so a process that ends in between leaves a hash that opens nothing.
 */
export function createRedisStore ({ command, namespace }: OpenRedis): KeyStore {
  const redisKeys = createRedisKeys(namespace)
  const script = createScript(command)
  const { notices, announce } = createNotices(command, redisKeys)

  /** @returns no fields where there is no record */
  async function fieldsFor (workspace: string, id: string): Promise<ReadonlyMap<string, string>> {
    return fieldsIn(textsOf(await script(READ, [redisKeys.record(workspace, id)])))
  }

  async function read (workspace: string, id: string): Promise<StoredRecord | undefined> {
    const fields = await fieldsFor(workspace, id)
    return fields.size === 0 ? undefined : recordOf(workspace, id, fields)
  }

  /**
   * @returns whether this call wrote it, and so may remove it again @throws DuplicateError where it has another value
   */
  async function reserve (name: string, value: string): Promise<boolean> {
    if (await command('set', name, value, 'NX') !== null) return true
    if (await command('get', name) !== value) throw new DuplicateError()
    return false
  }

  /** Removes the hash of a change that failed, unless another call made the same change. */
  async function release (hash: string, { workspace, id }: ApiKey): Promise<void> {
    const stored = await read(workspace, id)
    if (stored?.hashes.has(hash) !== true) await command('del', redisKeys.hash(hash))
  }

  async function write ({ key, createdAt, expected, leave, join, fields }: Write): Promise<boolean> {
    await announce(key)
    const names = [redisKeys.record(key.workspace, key.id), ...leave, ...join]
    const args = [randomUUID(), expected, leave.length, memberOf(createdAt, key.id), ...fields]
    return await script(WRITE, names, args) === 1
  }

  /** The lists that a key is in, except that of its whole workspace. */
  function listsOf ({ workspace, owner, environment }: ApiKey): string[] {
    const filters = [{ environment }, ...owner === undefined ? [] : [{ owner }, { owner, environment }]]
    return filters.map((filter) => redisKeys.list(workspace, filter))
  }

  /** Keys of a list; records that are gone are left out. */
  async function keysOf (workspace: string, page: KeyPage, onBroken?: OnBroken): Promise<ApiKey[]> {
    const { after } = page
    const list = redisKeys.list(workspace, page)
    const keys: ApiKey[] = []
    let below = after === undefined ? '+' : `(${memberOf(after.createdAt, after.id)}`
    while (keys.length <= page.limit) {
      const members = textsOf(await script(PAGE, [list], [below, page.limit + 1]))
      const ids = members.map(idOf)
      const found = await Promise.all(ids.map(async (id) => ({ id, fields: await fieldsFor(workspace, id) })))
      const stored = found.filter(({ fields }) => fields.size > 0)
      keys.push(...readEach(stored, ({ id, fields }) => recordOf(workspace, id, fields).key, onBroken))
      if (members.length <= page.limit) break
      below = `(${members.at(-1)}`
    }
    return keys
  }

  async function insert (key: ApiKey, hash: string, event?: AccessEvent): Promise<void> {
    const { workspace, id, createdAt } = key
    await reserve(redisKeys.id(id), workspace)
    const reserved = await reserve(redisKeys.hash(hash), JSON.stringify([workspace, id]))
    const hashes = new Map([[hash, newestGeneration(key)]])
    const fields = [...fieldsOf(key, hashes), ...eventFieldsOf(event), 'createdAt', String(createdAt.getTime())]
    const join = [redisKeys.list(workspace), ...listsOf(key)]
    if (await write({ key, createdAt, expected: '', leave: [], join, fields })) return
    if (reserved) await release(hash, key)
    throw new DuplicateError()
  }

  /** Workspace and id that a hash leads to, with or without a record there. */
  async function targetOf (hash: string): Promise<[string, string] | undefined> {
    const target = await script(FOLLOW, [redisKeys.hash(hash)])
    return typeof target === 'string' ? JSON.parse(target) : undefined
  }

  async function findByHash (hash: string): Promise<LoadedKey | undefined> {
    const target = await targetOf(hash)
    if (target === undefined) return undefined
    const stored = await read(...target)
    const generation = stored?.hashes.get(hash)
    return stored === undefined || generation === undefined ? undefined : loadKey(stored.key, generation)
  }

  /**
   * Looks first: for a hash that is there already, no id is reserved. A call that was cut off may have given the hash
   * an id and written no record: this one ends what that began.
   */
  async function insertNew ({ key, hash }: NewKey): Promise<InsertedKey> {
    const idOf = async () => (await findByHash(hash))?.principal.id
    const target = await targetOf(hash)
    const before = target && await idOf()
    if (before !== undefined) return { added: false, existing: before }
    const [, id] = target ?? [key.workspace, key.id]
    try {
      await insert({ ...key, id }, hash)
      return { added: true, existing: undefined, ...id !== key.id && { id } }
    } catch (fault) {
      if (!(fault instanceof DuplicateError)) throw fault
      return { added: false, existing: await idOf() }
    }
  }

  return {
    shared: true,
    insert,
    async insertMany (keys) {
      for (const part of [keys.map(({ key }) => key.id), keys.map(({ hash }) => hash)]) {
        if (new Set(part).size < part.length) throw new DuplicateError()
      }
      return await Promise.all(keys.map(insertNew))
    },
    findByHash,
    async get (workspace, id) {
      return (await read(workspace, id))?.key
    },
    async list (workspace, page, onBroken) {
      const [keys, next] = cutPage(await keysOf(workspace, page, onBroken), page.limit)
      return { keys, next }
    },
    async update (key, hash, event) {
      const { workspace, id, version } = key
      const stored = await read(workspace, id)
      if (stored?.key.version !== version - 1) return false
      if (hash !== undefined && stored.hashes.has(hash)) throw new DuplicateError()
      const reserved = hash !== undefined && await reserve(redisKeys.hash(hash), JSON.stringify([workspace, id]))
      const listed = new Set(key.secrets.map(({ generation }) => generation))
      const hashes = new Map([...stored.hashes].filter(([, generation]) => listed.has(generation)))
      if (hash !== undefined) hashes.set(hash, newestGeneration(key))
      const [before, now] = [listsOf(stored.key), listsOf(key)]
      const leave = before.filter((name) => !now.includes(name))
      const join = now.filter((name) => !before.includes(name))
      const { createdAt } = stored.key
      const expected = String(version - 1)
      const fields = [...fieldsOf(key, hashes), ...eventFieldsOf(event)]
      const written = await write({ key, createdAt, expected, leave, join, fields })
      if (reserved && !written) await release(hash, key)
      const removed = written ? [...stored.hashes.keys()].filter((one) => !hashes.has(one)) : []
      for (const one of removed) await command('del', redisKeys.hash(one)).catch(ignore)
      return written
    },
    notices,
    async recordUse (uses) {
      const merged = mergeUses(uses)
      for (let i = 0; i < merged.length; i += BATCH_SIZE) {
        await Promise.all(merged.slice(i, i + BATCH_SIZE).map((use) =>
          script(USE, [redisKeys.record(use.workspace, use.id)], useFieldsOf(use))))
      }
    }
  }
}

/** A hash that could not be removed opens nothing: the record does not list it. */
function ignore (): void {}
