import t from 'tap'
import Fastify from 'fastify'
import { allowPlainHttp, latchkey, type Resolver } from 'fastify-latchkey'
import { collectRounds } from '../helpers/collect.js'
import { scopes } from '../helpers/oauth.js'

const limits = { short: undefined, long: 1_000, longest: 8_192 }

t.test('each resolver is asked about credentials up to its maxLength only, and the longest decides what is read', async (t) => {
  const asked: string[] = []
  const resolvers = Object.entries(limits).map(([name, maxLength]): Resolver => ({
    scheme: 'oauth',
    kind: 'access-token',
    description: {},
    ...maxLength !== undefined && { maxLength },
    resolve (token) { asked.push(`${name} ${token.length}`); return undefined }
  }))
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(latchkey, { scopes, keys: false, environment: 'production', resolvers, transport: allowPlainHttp })
  const rounds = collectRounds()
  for (const length of [256, 257, 1_000, 1_001, 8_192, 8_193]) {
    for (const scheme of ['Bearer', 'DPoP']) {
      const { statusCode, headers } = await app.inject({ url: '/', headers: { authorization: `${scheme} ${'x'.repeat(length)}` } })
      rounds.add(statusCode, 401)
      rounds.add(headers['www-authenticate'], scheme === 'DPoP' ? 'Bearer realm="api"' : 'Bearer realm="api", error="invalid_token"')
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.strictSame(asked, ['short 256', 'long 256', 'longest 256', 'long 257', 'longest 257', 'long 1000', 'longest 1000', 'longest 1001', 'longest 8192'])
})
