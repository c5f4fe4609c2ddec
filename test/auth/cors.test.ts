import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { BEARER, guard, isRefusal, publicRoute, secured } from '../helpers/guard.js'

const origin = 'https://app.example.com'
const preflight = { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }
const registerCors = (app: FastifyInstance) => app.register(cors, { origin })
const secret = async () => ({ secret: true })

t.test('a preflight passes with @fastify/cors before the guard or after it, also to paths that do not exist', async (t) => {
  const rounds = collectRounds()
  for (const order of ['before', 'after'] as const) {
    const { app } = await guard(t, {
      before: (app) => order === 'before' ? registerCors(app) : undefined,
      async after (app) {
        if (order === 'after') await registerCors(app)
        app.get('/guarded', secured, secret)
      }
    })
    for (const url of ['/guarded', '/nowhere']) {
      const answer = await app.inject({ method: 'OPTIONS', url, headers: preflight })
      rounds.add(answer.statusCode, 204, `${order}: ${url}`)
      rounds.add(answer.headers['access-control-allow-origin'], origin)
      rounds.add(answer.headers['www-authenticate'], undefined)
    }
    isRefusal(t, await app.inject({ url: '/guarded', headers: { origin } }), 'CREDENTIAL_MISSING')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('with @fastify/cors before the guard, browsers can read refusals', async (t) => {
  const { app } = await guard(t, { before: registerCors })
  const answer = await app.inject({ url: '/guarded', headers: { origin } })
  isRefusal(t, answer, 'CREDENTIAL_MISSING')
  t.equal(answer.headers['access-control-allow-origin'], origin)
})

t.test('every other OPTIONS request is guarded', async (t) => {
  const { app } = await guard(t, {
    async after (app) {
      await registerCors(app)
      app.get('/guarded', secured, secret)
    }
  })
  for (const headers of [
    {},
    { origin },
    { 'access-control-request-method': 'GET' },
    { origin: '', 'access-control-request-method': 'GET' },
    { origin, 'access-control-request-method': '' }
  ]) {
    for (const url of ['/guarded', '/nowhere', '*']) isRefusal(t, await app.inject({ method: 'OPTIONS', url, headers }), 'CREDENTIAL_MISSING')
  }
})

t.test('the headers of a preflight have no effect on another method', async (t) => {
  const { app } = await guard(t)
  for (const method of ['GET', 'HEAD', 'POST', 'TRACE'] as const) {
    isRefusal(t, await app.inject({ method, url: method === 'POST' ? '/nowhere' : '/guarded', headers: preflight }), 'CREDENTIAL_MISSING', { head: method === 'HEAD' })
  }
})

t.test('a host\'s own route for OPTIONS alone lets preflights pass where it declares nothing', async (t) => {
  const { app } = await guard(t, {
    before: (app) => app.options('/early', secret),
    after (app) {
      app.options('/silent', secret)
      app.route({ method: ['OPTIONS'], url: '/listed', handler: secret })
      app.options('/secured', secured, secret)
      app.options('/public', publicRoute, secret)
    }
  })
  const rounds = collectRounds()
  for (const url of ['/early', '/silent', '/listed']) {
    rounds.add((await app.inject({ method: 'OPTIONS', url, headers: preflight })).statusCode, 200, url)
    isRefusal(t, await app.inject({ method: 'OPTIONS', url }), 'CREDENTIAL_MISSING')
    rounds.add((await app.inject({ method: 'OPTIONS', url, headers: BEARER })).statusCode, 200, url)
  }
  t.strictSame(rounds.seen, rounds.expected)
  isRefusal(t, await app.inject({ method: 'OPTIONS', url: '/secured', headers: preflight }), 'CREDENTIAL_MISSING')
  t.equal((await app.inject({ method: 'OPTIONS', url: '/public' })).statusCode, 200)
})

t.test('a handler for OPTIONS and other methods does not run for a preflight without a credential', async (t) => {
  const { app } = await guard(t, {
    context: { undeclared: 'authenticate' },
    before: (app) => app.all('/early', secret),
    after (app) {
      app.all('/all', secret)
      app.route({ method: ['GET', 'OPTIONS'], url: '/both', handler: secret })
      app.all('/secured', secured, secret)
    }
  })
  const rounds = collectRounds()
  for (const url of ['/early', '/all', '/both', '/secured']) {
    isRefusal(t, await app.inject({ method: 'OPTIONS', url, headers: preflight }), 'CREDENTIAL_MISSING')
    rounds.add((await app.inject({ method: 'OPTIONS', url, headers: { ...preflight, ...BEARER } })).statusCode, 200, url)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a route for OPTIONS and other methods that declares nothing refuses to start', async (t) => {
  const { app } = await guard(t, { after: (app) => app.route({ method: ['GET', 'OPTIONS'], url: '/both', handler: secret }) })
  await t.rejects(async () => { await app.ready() }, { name: 'OptionError', message: /GET, OPTIONS, HEAD \/both declares nothing/ })
})
