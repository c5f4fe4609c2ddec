import { setImmediate } from 'node:timers/promises'
import { createMemoryKeyStore, type ApiKey, type KeyStore, type LoadedKey } from 'fastify-latchkey/keys'

/** The record of a key as a lifecycle would write it. */
export function record (over: Partial<ApiKey> = {}): ApiKey {
  const createdAt = new Date(Date.UTC(2026, 0, 1))
  return {
    id: 'key_1',
    workspace: 'w1',
    environment: 'production',
    scopes: ['devices:read'],
    secrets: [{ generation: 1, hint: 'abcd', createdAt }],
    createdAt,
    version: 1,
    ...over
  }
}

export interface SlowStore extends KeyStore {
  /** The store behind it, which answers at once. */
  readonly memory: KeyStore
  /** For each look-up by hash, whether it asked for a fresh answer. */
  readonly asked: boolean[]
  /** What happens between a look-up's read and its answer, and before each other call. */
  pause: () => PromiseLike<unknown>
}

/** The memory store as if over a network: it answers later, and a look-up has read its answer before that arrives. */
export function slowStore (replaced: Partial<KeyStore> = {}): SlowStore {
  const memory = createMemoryKeyStore()
  async function later<T> (answer: () => T): Promise<Awaited<T>> {
    await store.pause()
    return await answer()
  }
  const store: SlowStore = {
    memory,
    asked: [],
    pause: () => setImmediate(),
    insert: (key, hash) => later(() => memory.insert(key, hash)),
    async findByHash (hash, fresh = false): Promise<LoadedKey | undefined> {
      store.asked.push(fresh)
      const found = memory.findByHash(hash)
      await store.pause()
      return await found
    },
    get: (workspace, id) => later(() => memory.get(workspace, id)),
    list: (workspace, page) => later(() => memory.list(workspace, page)),
    update: (key, hash) => later(() => memory.update(key, hash)),
    recordUse: (uses) => later(() => memory.recordUse(uses)),
    ...replaced
  }
  return store
}

/** A promise that a test resolves. */
export function gate (): { readonly opened: Promise<void>, open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => { open = resolve })
  return { opened, open }
}
