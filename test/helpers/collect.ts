/** What the rounds of a loop have seen, and what they should have: compared once, after the loop. */
export interface Rounds {
  readonly seen: unknown[]
  readonly expected: unknown[]
  /** @param label says in a failure which round it was */
  add (seen: unknown, expected: unknown, label?: string): void
}

export function collectRounds (): Rounds {
  const rounds = { seen: new Array<unknown>(), expected: new Array<unknown>() }
  return {
    ...rounds,
    add (seen, expected, label) {
      rounds.seen.push(label === undefined ? [seen] : [label, seen])
      rounds.expected.push(label === undefined ? [expected] : [label, expected])
    }
  }
}

/** What a call throws, or `undefined`. */
export function thrown (call: () => unknown): unknown {
  try {
    call()
  } catch (fault) {
    return fault
  }
  return undefined
}

/** What a promise is rejected with, or `undefined`. */
export async function rejection (promise: unknown): Promise<unknown> {
  try {
    await (typeof promise === 'function' ? promise() : promise)
  } catch (fault) {
    return fault
  }
  return undefined
}
