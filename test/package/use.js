import { createRequire } from 'node:module'
import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes, principalOf } from 'fastify-latchkey'

const scopes = defineScopes({ resources: { devices: ['read', 'write', 'manage'] } })
const app = Fastify()
await app.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp })
app.get('/devices', { schema: scopes.secure('devices:read') }, async (request) => principalOf(request).workspace)
app.delete('/devices', { schema: scopes.secure('devices:manage') }, async () => 'gone')
const { secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
const url = await app.listen({ port: 0, host: '127.0.0.1' })

const authorization = `Bearer ${secret}`
const ask = async (init) => {
  const response = await fetch(`${url}/devices`, init)
  const body = await response.text()
  return { status: response.status, body, challenge: response.headers.get('www-authenticate'), limit: response.headers.get('ratelimit') }
}
const answers = {
  good: await ask({ headers: { authorization } }),
  none: await ask({}),
  weak: await ask({ method: 'DELETE', headers: { authorization } }),
}
await app.close()

const rooms = {}
for (const room of ['auth', 'scopes', 'limits', 'keys', 'events', 'management', 'console', 'openapi', 'server', 'testing']) {
  rooms[room] = Object.keys(await import(`fastify-latchkey/${room}`)).sort()
}
const { version } = createRequire(import.meta.url)('fastify-latchkey/package.json')
console.log(JSON.stringify({ answers, rooms, version }))
