const { join } = require('node:path')
const autoload = require('@fastify/autoload')
const { serverOptions } = require('fastify-latchkey/server')

module.exports = async function app (fastify, opts) {
  fastify.register(autoload, { dir: join(__dirname, 'plugins'), options: opts })
  fastify.register(autoload, { dir: join(__dirname, 'routes'), options: opts })
}

/** What `fastify start --options` makes the server with. */
module.exports.options = serverOptions({})
