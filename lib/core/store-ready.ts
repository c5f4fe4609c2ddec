import { DeadlineExceeded, withTimeout } from './clock.js'

/** What of a store a server waits for when it starts. */
interface Store { ready? (): Promise<void> }

/**
 * Rejects where the store can never work as it is. One that is slow is no reason not to start.
 * @param deadline seconds
 */
export async function storeReady (store: Store, deadline: number): Promise<void> {
  await withTimeout(Promise.resolve(store.ready?.()), deadline, 'the store').catch((fault: unknown) => {
    if (!(fault instanceof DeadlineExceeded)) throw fault
  })
}
