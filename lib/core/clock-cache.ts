/** What a bounded map keeps. Whoever uses a value says so on it, which costs less than moving it to the front. */
export interface CacheEntry { used: boolean }

export interface ClockCache<V extends CacheEntry> {
  readonly size: number
  get (key: string): V | undefined
  set (key: string, value: V): void
  delete (key: string): void
}

/** Values that were used lately and are passed over before room is made all the same. */
const SECOND_CHANCES = 64

/**
 * A map of at most `most` values; what was not used since the hand last came by goes first (the CLOCK algorithm).
 * @param forget hears of every value that leaves, whatever made it leave
 */
export function createClockCache<V extends CacheEntry> (most: number, forget: (value: V) => void = () => {}): ClockCache<V> {
  const values = new Map<string, V>()
  let hand = values.entries()

  function remove (key: string): void {
    const value = values.get(key)
    if (value === undefined) return
    values.delete(key)
    forget(value)
  }

  function makeRoom (): void {
    for (let chances = SECOND_CHANCES; values.size >= most; chances--) {
      const step = hand.next()
      if (step.done) {
        hand = values.entries()
        continue
      }
      const [key, value] = step.value
      if (value.used && chances > 0) value.used = false
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
