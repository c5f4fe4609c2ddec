import type { Build } from './contender.js'
import { buildTokens } from './tokens.js'

/** The same with access tokens that were verified before. */
export const build: Build = (shape) => buildTokens(shape, 'ES256', {})
