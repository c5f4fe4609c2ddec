import { createProcessChanges } from 'fastify-latchkey/keys'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import t from 'tap'
import { guarded, refused, scopes } from '../helpers/limits.js'
import { startPostgres } from '../helpers/postgres.js'

t.test('while Postgres is down, cached keys work until their record is too old, and others are 503', async (t) => {
  const server = await startPostgres(t)
  const store = createPostgresKeyStore({ connectionString: server.url(), statementTimeout: 0.5 })
  t.teardown(() => store.close())
  const { app, clock } = await guarded(t, {
    keys: { prefix: 'acme', store, cache: { maxAge: 30, changes: createProcessChanges() } },
    limits: false,
  }, (app) => app.get('/', { schema: scopes.secure('devices:read') }, async () => 'in'))
  await app.ready()
  const issue = async () => (await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })).secret
  const [cached, cold] = [await issue(), await issue()]
  const ask = (text: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${text}` } })
  t.equal((await ask(cached)).statusCode, 200)

  await server.kill()
  clock.advance(29.999)
  t.equal((await ask(cached)).statusCode, 200)
  refused(t, await ask(cold), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })
  clock.advance(0.001)
  refused(t, await ask(cached), { status: 503, code: 'AUTHENTICATION_UNAVAILABLE', retryAfter: 1 })

  await server.start()
  for (let i = 0; i < 50 && (await ask(cached)).statusCode === 503; i++) await new Promise((resolve) => setTimeout(resolve, 200))
  t.same([(await ask(cached)).statusCode, (await ask(cold)).statusCode], [200, 200])
})
