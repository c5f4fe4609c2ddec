import Fastify from 'fastify'
import { allowPlainHttp, defineScopes, isPrincipal, latchkey } from 'fastify-latchkey'
import { testPrincipals } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'

const BAD = ['', 'a\0', '\n', '\x9f', '\ud800', 'x\udc00', 'x'.repeat(257)]
const GOOD = ['a', 'ü', '😀', 'auth0|5f7c', 'x'.repeat(256)]
const principal = { kind: 'api-key', id: 'p', workspace: 'w', environment: 'production', scopes: [] } as const

t.test('a principal has names that every store can keep', async (t) => {
  const rounds = collectRounds()
  for (const field of ['workspace', 'environment', 'owner', 'tier']) {
    for (const name of GOOD) rounds.add(Boolean(isPrincipal({ ...principal, [field]: name })), true, `${field} ${JSON.stringify(name)}`)
    for (const name of [...BAD, 7, null]) rounds.add(Boolean(isPrincipal({ ...principal, [field]: name })), false, `${field} ${JSON.stringify(name)}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(isPrincipal({ ...principal, owner: undefined, tier: undefined }))
})

t.test('a resolver that answers another principal is broken: 503', async (t) => {
  const as = testPrincipals()
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, keys: false, environment: 'production', resolvers: [as.resolver], transport: allowPlainHttp })
  app.get('/devices', { schema: scopes.secure('devices:read') }, () => 'in')
  const rounds = collectRounds()
  for (const owner of GOOD) rounds.add((await as.inject(app, { scopes: ['devices:read'], owner }, '/devices')).statusCode, 200)
  for (const owner of BAD) rounds.add((await as.inject(app, { scopes: ['devices:read'], owner }, '/devices')).statusCode, 503)
  t.strictSame(rounds.seen, rounds.expected)
})
