import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Environments } from '../../lib/auth/index.js'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, isRefusal, principal, resolverOf } from '../helpers/guard.js'

const sandbox = resolverOf((token) => token === 'later' ? Promise.resolve(principal({ environment: 'sandbox' })) : principal({ environment: 'sandbox' }))
const later = { authorization: 'Bearer later' }

const serving = (environment: Environments) => ({ auth: { environment, resolvers: [sandbox] } })

t.test('a credential of another environment is 403 with both environments named, and no challenge', async (t) => {
  const patterns = collectRounds()
  for (const [environment, here] of [['production', 'production'], [['production', 'staging'], 'production, staging'], [() => 'production', 'production'], [() => ['production', 'eu'], 'production, eu']] as const) {
    const { app, log } = await guard(t, serving(environment))
    for (const headers of [BEARER, later]) {
      const answer = await app.inject({ url: '/guarded', headers })
      isRefusal(t, answer, 'WRONG_ENVIRONMENT', { detail: `This credential belongs to sandbox; this host serves ${here}.` })
      patterns.add(answer.json(), { credentialEnvironment: 'sandbox', hostEnvironment: here })
    }
    patterns.add(log.text, /principal key-1/)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('one of the environments served is enough, and a function gets the request', async (t) => {
  const rounds = collectRounds()
  for (const environment of ['sandbox', ['production', 'sandbox'], () => 'sandbox', () => ['sandbox'], ({ headers }: FastifyRequest) => headers.host === 'sandbox.example.com' ? 'sandbox' : 'production'] as const) {
    const { app } = await guard(t, serving(environment))
    for (const headers of [BEARER, later]) rounds.add((await app.inject({ url: '/guarded', headers: { ...headers, host: 'sandbox.example.com' } })).statusCode, 200)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a name that only contains or resembles the environment is another one', async (t) => {
  for (const environment of ['sandbox-eu', 'Sandbox', 'sand', ['sandbox-eu', 'box'], 'sandbox ', () => 'sandboxes']) {
    const { app } = await guard(t, serving(environment))
    isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'WRONG_ENVIRONMENT', { detail: /belongs to sandbox/ })
  }
})

t.test('a function that throws or returns nonsense lets nobody in: 503', async (t) => {
  const nothing: unknown = undefined
  const nonsense: Array<() => unknown> = [
    () => { throw new Error('secret') }, () => { throw nothing }, () => undefined, () => null, () => 5, () => ({}), () => true,
    () => ({ includes: () => true, join: () => '' }), () => new Set(['sandbox']), () => Object('sandbox'), () => [['sandbox']], () => ['production', 5], () => [undefined],
    async () => 'sandbox', async () => { throw new Error('secret') }, () => ({ then () { throw new Error('secret') } })
  ]
  const rounds = collectRounds()
  for (const [i, answer] of nonsense.entries()) {
    const { app, log } = await guard(t, serving(new Proxy(() => 'sandbox', { apply: answer })))
    for (const headers of [BEARER, later]) {
      t.comment(`nonsense ${i}`)
      isRefusal(t, await app.inject({ url: '/guarded', headers }), 'AUTHENTICATION_UNAVAILABLE', { headers: { 'retry-after': '1' } })
    }
    rounds.add(String(log.text).includes('secret'), false)
    const throws = i < 2 || i === nonsense.length - 1
    rounds.add(String(log.text).includes('the option environment must answer a string or an array of strings'), !throws)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an empty array serves nobody', async (t) => {
  const { app } = await guard(t, serving(() => []))
  isRefusal(t, await app.inject({ url: '/guarded', headers: BEARER }), 'WRONG_ENVIRONMENT', { detail: /this host serves none\.$/ })
})
