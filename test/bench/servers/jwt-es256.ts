import type { Build } from './contender.js'
import { buildTokens } from './tokens.js'

/** The same with access tokens whose ES256 signature is verified at every request. */
export const build: Build = (shape) => buildTokens(shape, 'ES256', false)
