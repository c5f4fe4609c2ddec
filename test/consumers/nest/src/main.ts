import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import latchkey, { allowPlainHttp } from 'fastify-latchkey'
import { keyRoutes } from 'fastify-latchkey/management'
import { serverOptions } from 'fastify-latchkey/server'
import { DevicesController } from './devices.controller.js'
import { scopes } from './scopes.js'

@Module({ controllers: [DevicesController] })
class AppModule {}

const nest = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(serverOptions({})), { logger: false })
nest.setGlobalPrefix('api')

// Before Nest registers its routes, which it does when it starts to listen.
const app = nest.getHttpAdapter().getInstance()
await app.register(latchkey, {
  scopes,
  environment: 'production',
  keys: { prefix: 'acme' },
  transport: allowPlainHttp
})
await app.register(keyRoutes, { prefix: '/api/api-keys' })

await nest.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read', 'api_keys:read'] })
console.log(JSON.stringify({ url: `${await nest.getUrl()}/api`, secret }))
