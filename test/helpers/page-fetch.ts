import type { FastifyInstance } from 'fastify'
import type { Fetch, FetchInit } from '../../lib/console/element/api.js'

/** `fetch` of a browser on the host's own page. */
export function fetchOf (app: FastifyInstance, seen: string[] = []): Fetch {
  return async (url, { method, headers, body }: FetchInit) => {
    seen.push(`${method} ${url}`)
    const answer = await app.inject(Object.assign({ url, headers, ...body !== undefined && { payload: body } }, { method }))
    const header = (name: string) => String(answer.headers[name] ?? '')
    return { status: answer.statusCode, headers: { get: (name) => header(name) || null }, text: async () => answer.body }
  }
}
