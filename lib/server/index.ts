import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
export function serverOptions<T extends FastifyServerOptions> (options: T): T { return options }
export function notFound (_request: FastifyRequest, reply: FastifyReply): void { reply.code(404).send() }
