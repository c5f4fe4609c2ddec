import type { FastifyReply, FastifyRequest } from 'fastify'
import { AccessError, type RefusalCode } from '../core/errors.js'
import { render, renderers } from '../core/error-formats.js'
import { findContext } from '../core/access-context.js'

/** Refuses in the error format of the request's context; as a problem (RFC 9457) where that is not guarded. */
export function refuse (request: FastifyRequest, reply: FastifyReply, code: RefusalCode, reason?: string): void {
  const details = reason === undefined ? {} : { reason }
  const context = findContext(request.server)
  if (context !== undefined) return context.refuse(request, reply, context.refusal(code, details))
  const error = new AccessError(code, details)
  const { text, type } = render(renderers.problem, error)
  reply.code(error.statusCode).headers(error.headers).type(type).send(text)
}
