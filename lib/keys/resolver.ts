import { InvalidCredential, recalling, type Permissions, type Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import { isThenable } from '../time.js'
import type { LoadedKey } from './record.js'
import type { KeyStore } from './store.js'
import { hashKeyText, type KeyText } from './text.js'

export interface ResolverParts {
  /** Bounds keys by what their owners may do. */
  readonly permissions?: Permissions | undefined
  /** Hears of every secret that has proved good; must not throw. */
  readonly onUse?: ((loaded: LoadedKey) => void) | undefined
}

/**
 * Text → hash → record → still good → principal, bounded by its owner's permissions. What is not held must look like a
 * key down to its checksum before the store is asked.
 */
export function createKeyResolver (text: KeyText, store: KeyStore, { permissions, onUse }: ResolverParts = {}): Resolver {
  function admit (found: LoadedKey | undefined, now: number, fresh: boolean): Principal | Promise<Principal> {
    const loaded = good(found, now)
    onUse?.(loaded)
    return permissions === undefined ? loaded.principal : permissions.bound(loaded.principal, now, fresh)
  }

  return recalling({
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
    resolve (token, now, fresh = false, _bound, clock) {
      if (!text.claims(token)) return undefined
      if (text.parse(token) === undefined) throw new InvalidCredential('not the text of a key')
      const found = store.findByHash(hashKeyText(token), fresh)
      return isThenable(found) ? found.then((loaded) => admit(loaded, clock?.() ?? now, fresh)) : admit(found, now, fresh)
    }
  }, (token, now) => {
    const held = text.claims(token) ? store.recall?.(hashKeyText(token)) : undefined
    return held === undefined ? undefined : admit(held, now, false)
  })
}

function good (loaded: LoadedKey | undefined, now: number): LoadedKey {
  if (loaded === undefined) throw new InvalidCredential('unknown key')
  const { goodUntil, refusal, principal } = loaded
  if (principal === undefined || refusal === undefined) throw new TypeError('the key store answered something else than a loaded key')
  if (now < goodUntil) return loaded
  throw new InvalidCredential(`key ${principal.id}: ${refusal}`, refusal)
}
