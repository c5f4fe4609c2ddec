import { join } from 'node:path'
import autoload from '@fastify/autoload'
import { serverOptions } from 'fastify-latchkey/server'

/** What `fastify start --options` makes the server with. */
export const options = serverOptions({})

export default async function app (fastify, opts) {
  fastify.register(autoload, { dir: join(import.meta.dirname, 'plugins'), options: opts })
  fastify.register(autoload, { dir: join(import.meta.dirname, 'routes'), options: opts })
}
