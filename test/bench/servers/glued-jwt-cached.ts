import type { Build } from './contender.js'
import { buildGluedTokens } from './glued-tokens.js'

/** @fastify/jwt with its cache of verified tokens. */
export const build: Build = (shape) => buildGluedTokens(shape, true)
