import { describeFault } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import { isThenable, type Clock } from '../../core/clock.js'
import type { KeyField } from './transitions.js'
import type { ApiKey } from '../record.js'

/** Who changed a key, where it was not the host itself. */
export type KeyActor = Pick<Principal, 'kind' | 'id' | 'owner'>

/** Where the request came from that changed a key. */
export interface KeyOrigin { readonly ip: string, readonly requestId: string }

interface Change {
  readonly at: Date
  /** As it is from now on. */
  readonly key: ApiKey
  readonly by?: KeyActor
  /** Where it came by the management routes, or the host has said so. */
  readonly from?: KeyOrigin
}

/** A change that has been written. Holds neither a text nor a hash. */
export type KeyEvent =
  | Change & { readonly type: 'key.issued' | 'key.rotated' | 'key.revoked' | 'key.expired' }
  | Change & { readonly type: 'key.updated', readonly changed: readonly KeyField[] }
  /** Somebody has found a valid text of the key where it must not be. */
  | Change & { readonly type: 'key.exposed' }

export type KeyListener = (event: KeyEvent) => void | Promise<void>

export type Happening =
  | { readonly type: Exclude<KeyEvent['type'], 'key.updated'> }
  | { readonly type: 'key.updated', readonly changed: readonly KeyField[] }

/** Who changes a key, and from where. */
export interface Changer { readonly by?: Principal | undefined, readonly from?: KeyOrigin | undefined }

export type Tell = (what: Happening, key: ApiKey, changer?: Changer) => void

/** Nobody waits for a listener, and what it throws or rejects with changes nothing. */
export function createTell (listeners: ReadonlyArray<KeyListener | undefined>, clock: Clock, log: (reason: string, message: string) => void): Tell {
  const heard = listeners.filter((one) => one !== undefined)

  return function tell (what, key, { by, from } = {}) {
    const at = new Date(clock())
    for (const listener of heard) call(listener, { ...what, at, key, ...by !== undefined && { by: actorOf(by) }, ...from !== undefined && { from } })
  }

  function call (listener: KeyListener, event: KeyEvent): void {
    try {
      const heard = listener(event)
      if (isThenable(heard)) Promise.resolve(heard).catch(complain)
    } catch (fault) {
      complain(fault)
    }
  }

  function complain (fault: unknown): void {
    log(describeFault(fault), 'keys.onEvent failed')
  }
}

function actorOf ({ kind, id, owner }: Principal): KeyActor {
  return { kind, id, ...owner !== undefined && { owner } }
}
