import Fastify from 'fastify'
import type { Build } from './contender.js'
import { randomKeys } from './random-keys.js'
import { addRoutes } from './routes.js'

/** Fastify with the routes and nothing else; the load sends it credentials of the same length. */
export const build: Build = async function plain ({ keys, routes }) {
  const app = Fastify()
  addRoutes(app, routes)
  return { app, keys: randomKeys(keys) }
}
