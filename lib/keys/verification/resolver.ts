import { EndedCredential, InvalidCredential, type Lookup, type Permissions, type Resolver } from '../../auth/index.js'
import { isThenable } from '../../core/clock.js'
import type { Principal } from '../../core/principal.js'
import type { Secrets } from '../import/secrets.js'
import { KEY_SCHEME, type LoadedKey } from '../record.js'
import type { KeyStore } from '../store.js'
import type { AddHostFields } from './host-fields.js'
import type { StartGrace } from './rotation-grace.js'

export interface KeyResolverDeps {
  readonly secrets: Secrets
  readonly store: Pick<KeyStore, 'cached' | 'findByHash'>
  /** Limits keys to what their owners may do. */
  readonly permissions?: Permissions | undefined
  readonly startGrace?: StartGrace | undefined
  readonly addHostFields?: AddHostFields | undefined
  /** Has the store connect anew. */
  readonly reconnect?: (() => void) | undefined
}

/** Secret → hash → record → still valid → principal, limited to the permissions of its owner. */
export function createKeyResolver (deps: KeyResolverDeps): Resolver {
  const { secrets, store, permissions, startGrace, addHostFields, reconnect } = deps

  function admit (found: LoadedKey | undefined, { fresh, clock }: Lookup): Principal | Promise<Principal> {
    const loaded = checkValid(found, clock)
    startGrace?.(loaded)
    const principal = addHostFields === undefined ? loaded.principal : addHostFields(loaded.principal)
    return permissions === undefined ? principal : permissions.bound(principal, clock(), fresh)
  }

  return {
    scheme: KEY_SCHEME,
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
    reconnect,
    isCached (token) {
      const hash = secrets.hashOf(token)
      return hash !== undefined && store.cached?.(hash) !== undefined
    },
    resolve (token, _now, lookup) {
      const hash = secrets.hashOf(token)
      if (hash === undefined) return undefined
      const cached = lookup.fresh ? undefined : store.cached?.(hash)
      if (cached !== undefined) return admit(cached, lookup)
      // Only a cached record spares these checks: a text that can't be a secret must not cost a look-up in the store.
      if (!secrets.isWellFormed(token)) throw new InvalidCredential('not the form of a secret')
      const found = store.findByHash(hash, lookup.fresh)
      return isThenable(found) ? found.then((loaded) => admit(loaded, lookup)) : admit(found, lookup)
    }
  }
}

/** @throws InvalidCredential for a key that is unknown, was revoked or rotated, or has expired */
function checkValid (loaded: LoadedKey | undefined, clock: Lookup['clock']): LoadedKey {
  if (loaded === undefined) throw new InvalidCredential('unknown key')
  const { goodUntil, refusal, principal } = loaded
  if (principal === undefined || refusal === undefined) {
    throw new TypeError('the key store answered something else than a loaded key')
  }
  if (goodUntil === Infinity || clock() < goodUntil) return loaded
  throw new EndedCredential(`key ${principal.id}: ${refusal}`, refusal)
}
