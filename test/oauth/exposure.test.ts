import t from 'tap'
import Fastify from 'fastify'
import { latchkey } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { createJwtResolver, createIntrospectionResolver } from 'fastify-latchkey/oauth'
import { allowPlainHttp } from '../../lib/auth/index.js'
import { AUDIENCE, createAuthority, json, scopes } from '../helpers/oauth.js'
import { until } from '../helpers/until.js'

t.test('a token that was sent where others can read it is reported; other texts in a query are shown to no authorization server', async (t) => {
  const authority = await createAuthority(t)
  const { issuer, clock } = authority
  authority.answers.set('/introspect', json({ ...authority.claimsOf(), active: true, token_type: 'Bearer' }))
  const seen: Array<AccessEvent<'token.exposed'>> = []
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, {
    scopes,
    keys: false,
    environment: 'production',
    clock: clock.now,
    resolvers: [
      createIntrospectionResolver({ issuer, endpoint: `${issuer}/introspect`, client: { id: 'a', secret: 'b' }, audience: AUDIENCE, transport: allowPlainHttp }),
      createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })
    ]
  })
  app.latchkey.events.on('token.exposed', (event) => { seen.push(event) })
  app.get('/devices', { schema: scopes.secure('devices:read') }, () => 'served')
  const wait = async (count: number) => await until(() => seen.length >= count)

  const jwt = await authority.issue({ client_id: 'jwt' })
  t.equal((await app.inject(`/devices?access_token=${jwt}&name=secret-of-somebody`)).statusCode, 403)
  await wait(1)
  t.match(seen[0], { workspace: 'w1', data: { environment: 'production', principal: { kind: 'access-token', id: /client:jwt:user:user-1$/, owner: 'user-1' } } })
  t.equal((await app.inject({ url: '/devices?name=secret-of-somebody', headers: { authorization: 'Bearer opaque-token' } })).statusCode, 403)
  await wait(2)
  t.match(seen[1], { data: { principal: { id: /client:client-1:user:user-1$/ } } })
  t.equal(authority.asked.filter((line) => line.startsWith('POST')).length, 1, 'asked about the header alone')
})
