import type { FastifyInstance } from 'fastify'
import { defineScopes } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { guarded, refused, untyped } from '../helpers/limits.js'

const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })
const withOptions = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN', OPTIONS: 'WRITE' } })
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const

function everything (app: FastifyInstance): void {
  app.all('/all', async () => 'in')
}

t.test('a route declares by its method', async (t) => {
  const { app, as } = await guarded(t, { scopes: withOptions }, everything)
  async function accepted (scope: string): Promise<string[]> {
    const answers = await Promise.all(METHODS.map(async (method) => [method, (await as.inject(app, { scopes: [scope] }, untyped({ method, url: '/all' }))).statusCode] as const))
    t.same(answers.filter(([, status]) => status !== 200 && status !== 403), [])
    return answers.filter(([, status]) => status === 200).map(([method]) => method)
  }
  t.same(await accepted('READ'), ['GET', 'HEAD', 'TRACE'])
  t.same(await accepted('WRITE'), ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'TRACE'])
  t.same(await accepted('ADMIN'), METHODS)
  t.same(await accepted('read'), [])
})

t.test('a mutation with READ is refused before its body is parsed', async (t) => {
  const { app, as } = await guarded(t, { scopes: withOptions }, everything)
  const body = refused(t, await as.inject(app, { scopes: ['READ'] }, { method: 'POST', url: '/all', payload: '{', headers: { 'content-type': 'application/json' } }),
    { status: 403, code: 'INSUFFICIENT_SCOPE', challenge: 'Bearer realm="api", error="insufficient_scope", scope="WRITE"' })
  t.match(body, { required: [['WRITE']], granted: ['READ'] })
})

t.test('a route can declare otherwise in its schema', async (t) => {
  const { app, as } = await guarded(t, { scopes: levels }, (app) => {
    app.post('/search', { schema: levels.secure('READ') }, async () => 'found')
    app.get('/secrets', { schema: levels.secure('ADMIN') }, async () => 'secret')
  })
  t.equal((await as.inject(app, { scopes: ['READ'] }, { method: 'POST', url: '/search' })).statusCode, 200)
  t.equal((await as.inject(app, { scopes: ['WRITE'] }, '/secrets')).statusCode, 403)
  t.equal((await as.inject(app, { scopes: ['WRITE'] }, { method: 'HEAD', url: '/secrets' })).statusCode, 403)
})

t.test('HEAD has the level of GET, unless methods sets one for HEAD', async (t) => {
  const of = (methods: object, method: string) => defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: untyped<Record<string, 'READ'>>(methods) }).byMethod(method)
  t.same(of({ GET: 'ADMIN' }, 'HEAD'), [{ apiKey: ['ADMIN'] }])
  t.same(of({ get: 'ADMIN' }, 'GET'), [{ apiKey: ['ADMIN'] }], 'in any case')
  t.same(of({ GET: 'ADMIN', HEAD: 'READ' }, 'HEAD'), [{ apiKey: ['READ'] }])
  t.same(of({}, 'HEAD'), [{ apiKey: ['READ'] }])
})

t.test('methods that are not safe require the second level; OPTIONS and QUERY are safe', async (t) => {
  const one = (method: string, names: readonly string[] = ['READ', 'WRITE', 'ADMIN']) => defineScopes({ levels: names }).byMethod(method)
  const rounds = collectRounds()
  for (const method of ['POST', 'PROPFIND', 'MKCOL', 'UNHEARD-OF']) rounds.add(one(method), [{ apiKey: ['WRITE'] }], method)
  t.strictSame(rounds.seen, rounds.expected)
  t.same(one('OPTIONS'), [{ apiKey: ['READ'] }])
  t.same(one('QUERY'), [{ apiKey: ['READ'] }])
  t.same(defineScopes({ levels: ['READ', 'WRITE'], methods: { OPTIONS: 'WRITE' } }).byMethod('OPTIONS'), [{ apiKey: ['WRITE'] }])
  t.same(one('POST', ['ONLY']), [{ apiKey: ['ONLY'] }], 'the only one there is')
  t.equal(defineScopes({ resources: { devices: ['read'] } }).byMethod('GET'), undefined, 'without levels no method states anything')
})

t.test('wrong methods are refused: a typo would have left the default in place', async (t) => {
  const define = (definition: object) => () => defineScopes(untyped<object>(definition))
  t.throws(define({ levels: ['READ', 'ADMIN'], methods: { DELTE: 'ADMIN' } }), /option scopes\.methods names "DELTE", which is no method of HTTP/)
  t.throws(define({ levels: ['READ', 'ADMIN'], methods: { DELETE: 'OWNER' } }), /option scopes\.methods\.DELETE must be one of scopes\.levels \(READ, ADMIN\), not "OWNER"/)
  t.throws(define({ resources: { devices: ['read'] }, methods: { DELETE: 'devices:read' } }), /must be one of scopes\.levels \(none\)/)
  t.throws(define({ levels: ['READ'], methods: JSON.parse('{"__proto__":"READ"}') }), /names "__proto__", which is no method of HTTP/)
})
