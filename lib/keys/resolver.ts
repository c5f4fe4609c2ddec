import { InvalidCredential, type Resolver } from '../auth/index.js'
import type { Principal } from '../principal.js'
import { isThenable } from '../time.js'
import { refusalOf, type LoadedKey } from './record.js'
import type { KeyStore } from './store.js'
import { hashKeyText, type KeyText } from './text.js'

/** Text → checksum → hash → record → still good → principal. A text that can't be a key never reaches the store. */
export function createKeyResolver (text: KeyText, store: KeyStore): Resolver {
  return {
    scheme: 'apiKey',
    kind: 'api-key',
    description: { type: 'http', scheme: 'bearer', description: 'API key: `Authorization: Bearer <key>`.' },
    resolve (token, now) {
      const parts = text.parse(token)
      if (parts === undefined) return undefined
      if (parts === false) throw new InvalidCredential('not the text of a key')
      const found = store.findByHash(hashKeyText(token))
      return isThenable(found) ? found.then((loaded) => admit(loaded, now)) : admit(found, now)
    }
  }
}

function admit (loaded: LoadedKey | undefined, now: number): Principal {
  if (loaded === undefined) throw new InvalidCredential('unknown key')
  const refusal = refusalOf(loaded.key, now)
  if (refusal !== undefined) throw new InvalidCredential(`key ${loaded.key.id}: ${refusal}`, refusal)
  return loaded.principal
}
