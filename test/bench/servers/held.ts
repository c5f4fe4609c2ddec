import { createProcessChanges, type KeyStore } from 'fastify-latchkey/keys'
import type { Contender, Shape } from './contender.js'
import { buildLatchkey } from './latchkey-memory.js'

/**
 * The same guard over another store, whose keys the process holds while it is measured: nothing expires meanwhile, and no
 * uses are written, so what is left is what a request pays to verify a key that is held.
 */
export async function buildHeld (shape: Shape, store: KeyStore): Promise<Contender> {
  return buildLatchkey(shape, undefined, { store, cache: { maxAge: 3600, changes: createProcessChanges() }, recordUse: false })
}
