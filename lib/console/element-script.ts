import type { FastifyInstance } from 'fastify'
import { readElement, sendAsset } from './assets.js'

/** Public for the guard of Latchkey, and not counted: a script holds no data. */
const schema = { security: [], 'x-rate-limit': { anonymous: false }, hide: true }

/**
 * Serves `element.js` below a prefix, for pages of a host's own without a bundler:
 *
 * ```html
 * <script type="module" src="/element.js"></script>
 * <latchkey-keys base-url="/settings/api-keys"></latchkey-keys>
 * ```
 *
 * Browsers ask each time whether it has changed.
 */
export async function elementScript (app: FastifyInstance): Promise<void> {
  const { script, map } = readElement()
  const etag = `"${script.hash}"`

  app.get('/element.js', { schema }, (request, reply) => {
    reply.header('etag', etag)
    if (request.headers['if-none-match'] === etag) reply.code(304).send()
    else sendAsset(request, reply, script, 'no-cache')
  })
  app.get('/element.js.map', { schema }, (request, reply) => sendAsset(request, reply, map, 'no-cache'))
}
