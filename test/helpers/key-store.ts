import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'

/** A key store of memory with some of its methods replaced, and nothing that a process holds for itself. */
export function keyStore (replaced: Partial<KeyStore> = {}): KeyStore {
  const { recall: _recall, ...memory } = createMemoryKeyStore()
  return { ...memory, ...replaced }
}
