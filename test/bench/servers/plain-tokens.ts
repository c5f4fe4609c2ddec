import Fastify from 'fastify'
import type { Build } from './contender.js'
import { randomKeys } from './random-keys.js'
import { addRoutes } from './routes.js'

/** Behind the prefix: as long as the ES256 access tokens of the bench. */
const LENGTH = 423

/** Plain Fastify, sent credentials as long as access tokens: what these cost a server that doesn't look at them. */
export const build: Build = async function plainTokens ({ keys, routes }) {
  const app = Fastify()
  addRoutes(app, routes)
  return { app, keys: randomKeys(keys, LENGTH) }
}
