import { createPgliteKeyStore } from 'fastify-latchkey/keys/postgres'
import type { Build } from './contender.js'
import { buildHeld } from './held.js'

/** Keys in Postgres' tables, and in the record cache. */
export const build: Build = async function heldPglite (shape) {
  const store = createPgliteKeyStore({ dataDir: 'memory://' })
  await store.migrate()
  return buildHeld(shape, store)
}
