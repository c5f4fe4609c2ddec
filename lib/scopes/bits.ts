/** An immutable set of whole numbers from 0, 32 to a word. */
export class Bits {
  readonly #words: number[] = []

  constructor (numbers: Iterable<number>) {
    for (const number of numbers) this.#words[number >>> 5] = (this.#words[number >>> 5] ?? 0) | (1 << (number & 31))
  }

  has (number: number): boolean {
    return ((this.#words[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0
  }

  /** True when every member of `other` is in this set. */
  includes (other: Bits): boolean {
    for (let i = 0; i < other.#words.length; i++) {
      const wanted = other.#words[i] ?? 0
      if (((this.#words[i] ?? 0) & wanted) !== wanted) return false
    }
    return true
  }
}
