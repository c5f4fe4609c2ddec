/** What ends what was started: a test, or whoever else calls these in reverse. */
export interface Ending { teardown (work: () => unknown): void }

/** Ends all that `work` has started when it is done, however it went: the last first. */
export async function withEnding<T> (work: (ending: Ending) => Promise<T>): Promise<T> {
  const endings: Array<() => unknown> = []
  try {
    return await work({ teardown: (end) => endings.unshift(end) })
  } finally {
    for (const end of endings) await end()
  }
}
