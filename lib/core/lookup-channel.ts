import { channel } from 'node:diagnostics_channel'
import { isThenable } from './clock.js'

/**
 * What was waited for: `keys` and `limits` are stores, `permissions` is `permissionsOf`, and `issuer` is an
 * authorization server (its keys, its metadata, an introspection).
 */
export type LookupTarget = 'keys' | 'limits' | 'permissions' | 'issuer'

/**
 * How long a look-up took. Published on the channel `latchkey:lookup` of `node:diagnostics_channel` for each one that
 * had to be waited for: what is answered from memory is not published. Requests that share a look-up share its message.
 */
export class LookupMessage {
  constructor (
    readonly target: LookupTarget,
    /** Until it settled, however early the request gave up. */
    readonly seconds: number,
    /** It was rejected. */
    readonly failed: boolean
  ) {}
}

const lookups = channel('latchkey:lookup')

/** Publishes how long `asked` takes. @returns the same, for the caller to wait for */
export function timeLookup<T> (target: LookupTarget, asked: T | Promise<T>): T | Promise<T> {
  if (!lookups.hasSubscribers || !isThenable(asked)) return asked
  const startedAt = performance.now()
  const publish = (failed: boolean): void =>
    lookups.publish(new LookupMessage(target, (performance.now() - startedAt) / 1000, failed))
  const settled = Promise.resolve(asked)
  settled.then(() => publish(false), () => publish(true))
  return settled
}
