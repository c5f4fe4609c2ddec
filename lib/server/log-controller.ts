import type { FastifyReply, FastifyRequest, LogController } from 'fastify'
import { pathOf, redact } from '../core/redact.js'

type Controller = typeof LogController
type ControllerOptions = ConstructorParameters<Controller>[0]

/**
 * Replaces log lines of Fastify that carry the URL or an error's message as text, which serializers do not see.
 * @param Base Fastify's class; older versions of Fastify have none, so `loggerOptions` alone redacts the line there
 */
export function logControllerOption (
  Base: Controller | undefined, options: ControllerOptions
): { logController?: LogController } {
  if (Base === undefined) return {}
  class QuietLogController extends Base {
    override routeNotFound (request: FastifyRequest): void {
      if (!this.isLogDisabled(request)) request.log.info(`Route ${request.method}:${pathOf(request.url)} not found`)
    }

    override defaultErrorLog (error: Error | null, request: FastifyRequest, reply: FastifyReply): void {
      if (this.isLogDisabled(request)) return
      const level = reply.statusCode >= 500 ? 'error' : 'info'
      reply.log[level]({ req: request, res: reply, err: error }, redact(String(error?.message)))
    }
  }
  return { logController: new QuietLogController(options) }
}
