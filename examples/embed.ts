import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, latchkey, type Principal } from 'fastify-latchkey'
import { elementScript } from 'fastify-latchkey/console'
import { keyRoutes } from 'fastify-latchkey/management'
import { logger as stderr, main, type BuildOptions, type Example } from './base.js'

const scopes = defineScopes({ resources: { recipes: ['read', 'write', 'manage'], api_keys: ['read', 'write', 'manage'] } })
const cook: Principal = { kind: 'access-token', id: 'cook', owner: 'Marie', workspace: 'kitchen', environment: 'production', scopes: scopes.names }

/** A page of the host's own, with its own look, in which the element stands. */
const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Kitchen: account</title><link rel="icon" href="data:,">
<style>
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: #fbf6ee; color: #3b2a1a; font: 17px/1.5 Georgia, serif; color-scheme: light }
  latchkey-keys { --latchkey-accent: #9a3412; --latchkey-surface: #fffdf8; --latchkey-subtle: #f3e9da; --latchkey-radius: 2px; --latchkey-muted: #6b5844 }
  latchkey-keys::part(title) { font-style: italic }
</style>
<h1>Kitchen</h1>
<latchkey-keys base-url="account/keys" strings='{"title":"Keys of your kitchen"}'></latchkey-keys>
<script type="module" src="element.js"></script>`

export async function build ({ clock, logger = stderr }: BuildOptions = {}): Promise<Example> {
  const app = Fastify({ logger })
  await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'kitchen' }, limits: false, transport: allowPlainHttp, clock })
  await app.register(keyRoutes, { prefix: '/account/keys', session: () => cook })
  app.get('/', { schema: scopes.public() }, (_request, reply) => { reply.type('text/html; charset=utf-8').send(PAGE) })
  await app.register(elementScript)
  return { title: 'A page of your own with the element in it', app, settings: '/', keys: {}, tries: [] }
}

await main(import.meta.url, build)
