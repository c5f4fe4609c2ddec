/** Values in the order of their instants, earliest first; each name has one. */
export interface PriorityQueue<T> {
  /** Of the earliest value that `wanted` takes. */
  firstOf (wanted?: (value: T) => boolean): number | undefined
  set (name: string, at: number, value: T): void
  delete (name: string): void
  /** Values whose instant has come and that `wanted` takes, in order; at most `limit`. */
  due (now: number, limit: number, wanted?: (value: T) => boolean): T[]
}

interface Turn<T> { readonly at: number, readonly order: number, readonly value: T }

/** A sorted list: finding costs its logarithm, and making room is a move of memory. */
export function createPriorityQueue<T> (): PriorityQueue<T> {
  const list: Array<Turn<T>> = []
  const byName = new Map<string, Turn<T>>()
  let order = 0

  /** Where a turn is, or would be. */
  function place ({ at, order }: Turn<T>): number {
    let [low, high] = [0, list.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = list[middle]
      if (other !== undefined && (other.at < at || (other.at === at && other.order < order))) low = middle + 1
      else high = middle
    }
    return low
  }

  function remove (name: string): void {
    const turn = byName.get(name)
    if (turn === undefined) return
    byName.delete(name)
    list.splice(place(turn), 1)
  }

  return {
    firstOf: (wanted = () => true) => list.find(({ value }) => wanted(value))?.at,
    delete: remove,
    set (name, at, value) {
      remove(name)
      const turn = { at, order: order++, value }
      byName.set(name, turn)
      list.splice(place(turn), 0, turn)
    },
    due (now, limit, wanted = () => true) {
      const values: T[] = []
      for (const { at, value } of list) {
        if (values.length >= limit || at > now) break
        if (wanted(value)) values.push(value)
      }
      return values
    }
  }
}
