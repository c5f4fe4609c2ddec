import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RefusalCode } from '../core/errors.js'
import { refuse } from './refuse.js'

/**
 * Answers 404 in the API's error format. Fastify's own 404 repeats the URL in its log and body.
 *
 * ```ts
 * app.setNotFoundHandler(notFound)
 * ```
 */
export function notFound (request: FastifyRequest, reply: FastifyReply): void {
  refuse(request, reply, 'NOT_FOUND')
}

const refusalOf = new Map<string, RefusalCode>([
  ['FST_ERR_BAD_URL', 'BAD_REQUEST'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'URI_TOO_LONG']
])

/** Answers what the router refuses before any hook runs; Fastify's own messages repeat the path and query. */
export function answerFrameworkError (
  { code }: { readonly code: string }, request: FastifyRequest, reply: FastifyReply
): void {
  refuse(request, reply, refusalOf.get(code) ?? 'SERVER_FAULT', code)
}
