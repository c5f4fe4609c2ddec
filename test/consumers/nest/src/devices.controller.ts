import { Controller, Delete, Get, HttpCode, Req } from '@nestjs/common'
import { RouteSchema } from '@nestjs/platform-fastify'
import { principalOf } from 'fastify-latchkey'
import type { FastifyRequest } from 'fastify'
import { scopes } from './scopes.js'

@Controller('devices')
export class DevicesController {
  @Get()
  @RouteSchema(scopes.secure('devices:read'))
  list (@Req() request: FastifyRequest) {
    return { workspace: principalOf(request).workspace }
  }

  @Delete()
  @HttpCode(204)
  @RouteSchema(scopes.secure('devices:manage'))
  remove () {}
}
