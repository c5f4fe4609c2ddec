import { AccessError, describeFault } from '../errors.js'
import type { Principal } from '../principal.js'
import { within } from '../time.js'
import { isVisible } from './privilege.js'
import { copyKey, type ApiKey } from './record.js'
import type { KeyStore } from './store.js'

/** Which key, and who asks for it. */
export interface Target {
  readonly workspace: string
  readonly id: string
  readonly by: Principal | undefined
}

/** What becomes of a key, and the hash of the secret that it gains by that. The very key given: nothing. */
export type Next = (key: ApiKey) => { readonly key: ApiKey, readonly hash?: string }

/** Changes of one key by others that a change yields to before it gives up. */
const MAX_ATTEMPTS = 10

/** @throws AccessError `KEY_NOT_FOUND`, also for keys that are none to who asks */
export async function findKey (store: KeyStore, { workspace, id, by }: Target): Promise<ApiKey> {
  const key = isName(workspace) && isName(id) ? await store.get(workspace, id) : undefined
  if (key === undefined || !isVisible(key, by)) throw new AccessError('KEY_NOT_FOUND')
  return key
}

/** Reads a key, asks what becomes of it, and writes that unless somebody was faster; then all of it again. */
export async function changeStored (store: KeyStore, target: Target, next: Next): Promise<{ before: ApiKey, key: ApiKey }> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const before = await findKey(store, target)
    const { key: wanted, hash } = next(before)
    if (wanted === before) return { before, key: before }
    const key = copyKey({ ...wanted, version: before.version + 1 })
    if (await store.update(key, hash)) return { before, key }
  }
  throw new Error('the key store refuses every update')
}

/** What stores can be asked for: a database refuses a NUL, and that is no outage. */
export function isName (value: unknown): boolean {
  return typeof value === 'string' && /^\P{Cc}{1,256}$/u.test(value)
}

/** Errors of stores carry the arguments of the failed command, so they stay behind. */
export async function inTime<T> (work: Promise<T>, deadline: number): Promise<T> {
  try {
    return await within(work, deadline, 'the key store')
  } catch (fault) {
    if (fault instanceof AccessError) throw fault
    throw new AccessError('KEYS_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
  }
}
