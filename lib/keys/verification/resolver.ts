import { InvalidCredential, recalling, type Permissions, type Resolver } from '../../auth/index.js'
import type { Principal } from '../../core/principal.js'
import { isThenable, type Clock } from '../../core/clock.js'
import type { LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'
import { hashSecret, type SecretFormat } from '../secret-format.js'

export interface KeyResolverDeps {
  /** Bounds keys by what their owners may do. */
  readonly permissions?: Permissions | undefined
  /** Hears of every secret that has proved good; must not throw. */
  readonly onUse?: ((loaded: LoadedKey) => void) | undefined
}

/**
 * Text → hash → record → still good → principal, bounded by its owner's permissions. What is not held must look like a
 * key down to its checksum before the store is asked.
 */
export function createKeyResolver (text: SecretFormat, store: KeyStore, { permissions, onUse }: KeyResolverDeps = {}): Resolver {
  function admit (found: LoadedKey | undefined, clock: Clock, fresh: boolean): Principal | Promise<Principal> {
    const loaded = good(found, clock)
    onUse?.(loaded)
    return permissions === undefined ? loaded.principal : permissions.bound(loaded.principal, clock(), fresh)
  }

  return recalling({
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
    resolve (token, _now, { fresh, clock }) {
      if (!text.claims(token)) return undefined
      if (text.parse(token) === undefined) throw new InvalidCredential('not the text of a key')
      const found = store.findByHash(hashSecret(token), fresh)
      return isThenable(found) ? found.then((loaded) => admit(loaded, clock, fresh)) : admit(found, clock, fresh)
    }
  }, (token, clock) => {
    const held = text.claims(token) ? store.recall?.(hashSecret(token)) : undefined
    return held === undefined ? undefined : admit(held, clock, false)
  })
}

/** The clock is read only for a key that ends: telling the time costs a request as much as finding its key. */
function good (loaded: LoadedKey | undefined, clock: Clock): LoadedKey {
  if (loaded === undefined) throw new InvalidCredential('unknown key')
  const { goodUntil, refusal, principal } = loaded
  if (principal === undefined || refusal === undefined) throw new TypeError('the key store answered something else than a loaded key')
  if (goodUntil === Infinity || clock() < goodUntil) return loaded
  throw new InvalidCredential(`key ${principal.id}: ${refusal}`, refusal)
}
