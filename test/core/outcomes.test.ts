import type { FastifyInstance } from 'fastify'
import type { LatchkeyOptions } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { contextOf } from '../../lib/core/access-context.js'
import { lastCheckOf } from '../../lib/core/outcomes.js'
import { guard, isRefusal } from '../helpers/guard.js'
import { guarded, scopes } from '../helpers/limits.js'

const write = scopes.requireScopes('devices:write')

function routes (app: FastifyInstance): void {
  const answer = async () => 'in'
  app.get('/devices', { schema: scopes.secure('devices:read') }, answer)
  app.get('/everybody', { schema: scopes.public() }, answer)
  app.get('/loaded', { schema: scopes.secure(), preHandler: [scopes.requireScopes('devices:read'), async () => {}, write] }, answer)
  app.get('/early', { schema: scopes.secure(), onRequest: write }, answer)
  app.get('/open', { schema: scopes.public(), preHandler: write }, answer)
}

/** Sends requests, and returns what was reported: route, principal and code. */
async function outcomesOf (t: Test, options: Partial<LatchkeyOptions> = {}) {
  const { app, as } = await guarded(t, options, routes)
  const outcomes: string[] = []
  contextOf(app).outcomes.push((_request, { url }, principal, refusal) => {
    outcomes.push(`${url} ${principal?.id ?? 'nobody'} ${refusal?.code ?? 'admitted'}`)
  })
  return {
    app,
    async by (url: string, granted: string[], more = {}) {
      const { statusCode } = await as.inject(app, { id: 'ada', scopes: granted, ...more }, url)
      return [statusCode, ...outcomes.splice(0)]
    },
    async without (url: string) {
      const { statusCode } = await app.inject(url)
      return [statusCode, ...outcomes.splice(0)]
    }
  }
}

for (const hook of ['onRequest', 'preHandler'] as const) {
  t.test(`with hook: '${hook}' each guarded request has one outcome, with the principal wherever the credential was valid`, async (t) => {
    const { by, without } = await outcomesOf(t, { hook, limits: { environments: { production: [{ name: 'one', quota: 4, window: 60 }], sandbox: [] } } })
    t.strictSame([
      await by('/devices', ['devices:read']),
      await by('/devices', []),
      await by('/nowhere', ['devices:read']),
      await by('/devices', ['devices:read'], { environment: 'elsewhere' }),
      await without('/devices'),
      await without('/everybody'),
      await by('/devices', ['devices:read']),
      await by('/devices', ['devices:read']),
    ], [
      [200, '/devices ada admitted'],
      [403, '/devices ada INSUFFICIENT_SCOPE'],
      [404, '* ada admitted'],
      [403, '/devices ada WRONG_ENVIRONMENT'],
      [401, '/devices nobody CREDENTIAL_MISSING'],
      [200, '/everybody nobody admitted'],
      [200, '/devices ada admitted'],
      [429, '/devices ada RATE_LIMITED'],
    ])
  })

  t.test(`with hook: '${hook}' requireScopes as a preHandler decides for its route`, async (t) => {
    const { by, without } = await outcomesOf(t, { hook })
    t.strictSame([
      await by('/loaded', ['devices:read', 'devices:write']),
      await by('/loaded', ['devices:read']),
      await by('/loaded', []),
      await without('/loaded'),
      await without('/open'),
    ], [
      [200, '/loaded ada admitted'],
      [403, '/loaded ada INSUFFICIENT_SCOPE'],
      [403, '/loaded ada INSUFFICIENT_SCOPE'],
      [401, '/loaded nobody CREDENTIAL_MISSING'],
      [401, '/open nobody CREDENTIAL_MISSING'],
    ])
  })
}

t.test('a dry run of limits admits, and so does the guard before a requireScopes that is no preHandler of its route', async (t) => {
  const { by } = await outcomesOf(t, { limits: { dryRun: true, environments: { production: [{ name: 'one', quota: 1, window: 60 }], sandbox: [] } } })
  t.strictSame([await by('/devices', ['devices:read']), await by('/devices', ['devices:read'])],
    [[200, '/devices ada admitted'], [200, '/devices ada admitted']])
  t.strictSame(await by('/early', []), [403, '/early ada admitted'])
  t.equal(lastCheckOf({ preHandler: write }), write)
  t.equal(lastCheckOf({}), undefined)
})

t.test('a listener that fails is logged without its message, and fails neither the request nor other listeners', async (t) => {
  const { app, log } = await guard(t)
  const codes: unknown[] = []
  contextOf(app).outcomes.push(() => { throw new TypeError('acme_live_secret') }, (_request, _access, _principal, refusal) => codes.push(refusal?.code))
  isRefusal(t, await app.inject('/guarded'), 'CREDENTIAL_MISSING')
  t.strictSame(codes, ['CREDENTIAL_MISSING'])
  t.match(log.entries.filter(({ level }) => level === 50), [{ msg: 'a listener of outcomes failed', reason: 'TypeError' }])
  t.notMatch(log.text, 'acme_live_secret')
})
