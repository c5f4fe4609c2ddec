/** A key has changed: records of it that are older than this version must not be used any more. */
export interface ChangedKey {
  readonly id: string
  readonly version: number
}

/**
 * Informs all caches of records of changes. A bus between processes may lose, repeat or delay messages: a cached record
 * is never older than the cache's `maxAge`.
 */
export interface KeyChanges {
  /** Resolves once the other caches were informed, as far as the bus knows. */
  publish (change: ChangedKey): void | Promise<void>
  /** @returns unsubscribes */
  subscribe (listener: (change: ChangedKey) => void): () => void
}

/**
 * The bus of one process: for several apps over one store, or a cache where no other process changes keys.
 *
 * ```ts
 * keys: { prefix: 'acme', store, cache: { changes: createProcessChanges() } }
 * ```
 */
export function createProcessChanges (): KeyChanges {
  const listeners = new Set<{ readonly call: (change: ChangedKey) => void }>()
  return {
    publish (change) {
      const faults: unknown[] = []
      for (const { call } of listeners) {
        try {
          call(change)
        } catch (fault) {
          faults.push(fault)
        }
      }
      if (faults.length > 0) throw new AggregateError(faults, 'not every listener could take the change of a key')
    },
    subscribe (call) {
      const listener = { call }
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  }
}
