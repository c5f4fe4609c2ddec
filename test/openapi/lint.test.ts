import { defineScopes, type LatchkeyOptions } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { build } from '../../examples/server.js'
import { collectRounds } from '../helpers/collect.js'
import { documented } from '../helpers/documented.js'
import { lint } from '../helpers/redocly.js'

/** An app of levels, with every kind of statement. */
async function levelsDocument (t: Test, openapi: '3.0.3' | '3.1.0', options: Partial<LatchkeyOptions>): Promise<object> {
  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })
  const named = (operationId: string) => ({ operationId, summary: operationId, response: { 200: { type: 'string', description: 'Done.' } } })
  const app = await documented({
    swagger: {
      openapi: {
        openapi,
        info: { title: 'Levels', version: '1.0.0', license: { name: 'MIT', url: 'https://opensource.org/license/mit' } },
        servers: [{ url: '/' }]
      }
    },
    latchkey: { scopes: levels, ...options },
    routes (app) {
      const handler = async (): Promise<string> => 'done'
      app.get('/things', { schema: named('list'), handler })
      app.post('/things', { schema: { ...levels.anyOf('ADMIN', ['READ', 'WRITE'], { cost: 2 }), ...named('make') }, handler })
      app.delete('/things/:id', { schema: { ...named('remove'), response: { '2xx': { type: 'string', description: 'Done.' }, 404: { type: 'string', description: 'Nothing.' } } }, handler })
      app.get('/me', { schema: { ...levels.secure(), ...named('me') }, handler })
      app.get('/news', { schema: { security: [{ apiKey: [] }, {}], ...named('news') }, handler })
      app.get('/health', { schema: { ...levels.public(), ...named('health'), response: { 200: { type: 'string', description: 'Well.' }, '4xx': { type: 'string', description: 'Not well.' } } }, handler })
    }
  })
  t.teardown(() => app.close())
  return app.swagger()
}

t.test('the linter finds nothing in the document of the example', async (t) => {
  const { app } = await build()
  t.teardown(() => app.close())
  await app.ready()
  t.same((await lint(t, app.swagger())).problems, [])
})

t.test('nor in one of levels, in any error format', async (t) => {
  const rounds = collectRounds()
  for (const [version, options] of [
    ['3.1.0', { errors: 'error-message', rateLimitFields: ['draft', 'trio', 'x-ratelimit'] }],
    ['3.0.3', { errors: 'problem', rateLimitFields: 'trio' }],
    ['3.0.3', { errors: 'detail', rateLimitFields: false }],
    ['3.1.0', { errors: 'error' }],
    ['3.1.0', { errors: 'throw' }],
    ['3.0.3', { errors: ({ code }) => ({ body: { oops: [code] }, type: 'application/vnd.acme+json' }) }]
  ] as const satisfies ReadonlyArray<readonly [string, Partial<LatchkeyOptions>]>) {
    rounds.add((await lint(t, await levelsDocument(t, version, options))).problems, [], `${version} ${options.errors}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('the linter finds a faulty document', async (t) => {
  t.match((await lint(t, { openapi: '3.1.0', info: {}, paths: { '/x': { get: { security: [{ nowhere: [] }] } } } })).problems, [{ ruleId: String }])
})
