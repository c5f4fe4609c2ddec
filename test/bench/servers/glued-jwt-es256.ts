import type { Build } from './contender.js'
import { buildGluedTokens } from './glued-tokens.js'

/** @fastify/jwt, which verifies each signature. */
export const build: Build = (shape) => buildGluedTokens(shape, false)
