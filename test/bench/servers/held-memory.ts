import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import type { Build } from './contender.js'
import { buildHeld } from './held.js'

/** Keys in the process itself, which holds all of them. */
export const build: Build = (shape) => buildHeld(shape, createMemoryKeyStore())
