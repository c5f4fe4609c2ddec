import { basic, bearer, header, OptionError } from 'fastify-latchkey'
import t from 'tap'
import { isResolver } from '../../lib/auth/resolver.js'
import { collectRounds } from '../helpers/collect.js'
import { goodResolver, guard, resolverOf } from '../helpers/guard.js'

t.test('a field that has a meaning of its own, and what is no field name, is refused where it is written', async (t) => {
  const messages = (names: unknown[]) => names.map((name) => {
    try {
      return JSON.stringify(Reflect.apply(header, undefined, [name]))
    } catch (fault) {
      return fault instanceof OptionError ? fault.message.replace(/.*\): /, '') : fault
    }
  })
  const same = (names: unknown[], message: string) => t.strictSame(messages(names), names.map(() => message))
  same(['', ' ', 'x api', 'x-api-key:', 'x\r\ny', 'x\0', 'é', ':path', 'x"', 'x,y', '-x', 'a'.repeat(65), undefined, null, 5, ['x-api-key']],
    'a field name is 1 to 64 letters, digits, -, _ and ., such as \'x-api-key\'')
  same(['authorization', 'Authorization'], 'write bearer() or basic(), which read Authorization')
  same(['cookie', 'Set-Cookie', 'HOST', 'connection', 'Transfer-Encoding', 'te', 'trailer', 'upgrade', 'keep-alive', 'proxy-authorization', 'Proxy-Connection', 'content-length', 'Content-Type',
    'forwarded', 'X-Forwarded-For', 'x-forwarded-proto', 'x-real-ip', 'via', 'user-agent', 'referer', 'origin', 'x-request-id', 'traceparent', 'accept', 'accept-language', 'if-match', 'sec-fetch-site', 'dpop', 'basic', 'bearer'],
  'this field has a meaning of its own; name another, such as \'x-api-key\'')
  t.strictSame(messages(['X-API-Key', 'apikey', 'x_key.2']), ['x-api-key', 'apikey', 'x_key.2'].map((name) => JSON.stringify({ type: 'header', name })))
})

t.test('credentials are checked at boot', async (t) => {
  const form = /option credentials(\.\d)? must be (an array of 1 to 8 places: )?bearer\(\), header\(name\) or basic\(\), imported from fastify-latchkey, not /
  const token = { ...resolverOf(() => undefined), scheme: 'oauth', kind: 'access-token' as const }
  const faults = []
  for (const [credentials, message, resolvers] of [
    [[], form], ['bearer', form], [null, form], [[bearer], form], [[null], form], [[{}], form], [[{ type: 'query' }], form], [Array.from({ length: 9 }, (_, i) => header(`x-${i}`)), form],
    [[{ type: 'header', name: 'Cookie' }], form], [[{ type: 'header', name: 'X-Api-Key' }], form], [[{ type: 'header' }], form], [[{ type: 'header', name: 'authorization' }], form],
    [[bearer(), bearer()], /option credentials names bearer twice; name each place once/],
    [[header('x-api-key'), bearer(), header('X-API-KEY')], /option credentials names x-api-key twice/],
    [[bearer(), header('x-api-key')], /option credentials names x-api-key, from which no resolver takes credentials: access tokens come as bearer\(\) alone; leave the place out/, [token]],
    [[header('x-api-key')], /option credentials names x-api-key, and the resolver of oauth takes credentials from bearer alone; add that place/, [goodResolver(), token]],
    [[bearer()], /the resolver of apiKey takes credentials from basic, x-key alone/, [goodResolver(), { ...goodResolver(), places: [basic(), header('x-key')] }]]
  ] as const) {
    const auth = { credentials, ...resolvers !== undefined && { resolvers } }
    const fault = await Promise.resolve(Reflect.apply(guard, undefined, [t, { auth }])).catch((fault: unknown) => fault)
    if (!(fault instanceof OptionError) || !message.test(fault.message)) faults.push([credentials, String(fault)])
  }
  t.strictSame(faults, [])
  const rounds = collectRounds()
  for (const places of ['bearer', [null], [{ type: 'query' }]]) rounds.add(Boolean(isResolver({ ...goodResolver(), places })), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(isResolver({ ...goodResolver(), places: [bearer()] }))
})
