/** A cached value. Who uses it sets `used`, which costs less than moving it to the end of the map. */
export interface CacheEntry { used: boolean }

export interface ClockCache<V extends CacheEntry> {
  readonly size: number
  get (key: string): V | undefined
  set (key: string, value: V): void
  delete (key: string): void
}

/** Used values that one `set` passes over before it removes one anyway. It bounds what a `set` costs. */
const MAX_SKIPPED = 64

/**
 * A map with a maximum size. When it is full, it removes a value that was not used since the last round over all values
 * (the CLOCK algorithm).
 *
 * @param onRemove called with each value that leaves the map, also where it is replaced or deleted
 */
export function createClockCache<V extends CacheEntry> (
  maxSize: number, onRemove: (value: V) => void = () => {}
): ClockCache<V> {
  const values = new Map<string, V>()
  let hand = values.entries()

  function remove (key: string): void {
    const value = values.get(key)
    if (value === undefined) return
    values.delete(key)
    onRemove(value)
  }

  function makeRoom (): void {
    for (let skips = MAX_SKIPPED; values.size >= maxSize; skips--) {
      const step = hand.next()
      if (step.done) {
        hand = values.entries()
        continue
      }
      const [key, value] = step.value
      if (value.used && skips > 0) value.used = false
      else remove(key)
    }
  }

  return {
    get size () { return values.size },
    get: (key) => values.get(key),
    set (key, value) {
      remove(key)
      makeRoom()
      values.set(key, value)
    },
    delete: remove
  }
}
