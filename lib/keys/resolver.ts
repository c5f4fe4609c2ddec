import { InvalidCredential, type Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import { isThenable } from '../time.js'
import { refusalOf, type LoadedKey } from './record.js'
import type { KeyStore } from './store.js'
import { hashKeyText, type KeyText } from './text.js'

/**
 * Text → hash → record → still good → principal. A key that this process holds is found first, since only its own text has
 * its hash; any other must look like a key down to its checksum before the store is asked.
 */
export function createKeyResolver (text: KeyText, store: KeyStore): Resolver {
  return {
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
    resolve (token, now) {
      if (!text.claims(token)) return undefined
      const hash = hashKeyText(token)
      const held = store.recall?.(hash)
      if (held !== undefined) return admit(held, now)
      if (text.parse(token) === undefined) throw new InvalidCredential('not the text of a key')
      const found = store.findByHash(hash)
      return isThenable(found) ? found.then((loaded) => admit(loaded, now)) : admit(found, now)
    }
  }
}

function admit (loaded: LoadedKey | undefined, now: number): Principal {
  if (loaded === undefined) throw new InvalidCredential('unknown key')
  if (now < loaded.goodUntil) return loaded.principal
  const refusal = refusalOf(loaded.key, now)
  if (refusal !== undefined) throw new InvalidCredential(`key ${loaded.key.id}: ${refusal}`, refusal)
  if (loaded.principal === undefined) throw new TypeError('the key store answered a record without a principal')
  return loaded.principal
}
