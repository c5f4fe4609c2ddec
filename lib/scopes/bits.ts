/** A set of small whole numbers, 32 to a word. */
export interface Bits {
  add (number: number): void
  has (number: number): boolean
  /** True when every member of `other` is in this set. */
  includes (other: Bits): boolean
  readonly words: Int32Array
}

/** @param size members are at least 0 and below `size` */
export function createBits (size: number): Bits {
  const words = new Int32Array(Math.max(1, Math.ceil(size / 32)))
  return {
    words,
    add (number) {
      words[number >>> 5] = (words[number >>> 5] ?? 0) | (1 << (number & 31))
    },
    has: (number) => ((words[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0,
    includes (other) {
      const wanted = other.words
      for (let i = 0; i < wanted.length; i++) {
        const word = wanted[i] ?? 0
        if (((words[i] ?? 0) & word) !== word) return false
      }
      return true
    }
  }
}
