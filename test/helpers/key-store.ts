import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'

/** A memory store with some of its methods replaced, and without `cached`: it is asked for each key. */
export function keyStore (replaced: Partial<KeyStore> = {}): KeyStore {
  const { cached: _cached, ...memory } = createMemoryKeyStore()
  return { ...memory, ...replaced }
}
