import Fastify from 'fastify'
import { KEYS, randomKeys, type Build } from './contender.js'
import { addRoutes } from './routes.js'

/** Fastify with the routes and nothing else. */
export const build: Build = async function plain () {
  const app = Fastify()
  addRoutes(app)
  return { app, keys: randomKeys(KEYS), refused: [] }
}
