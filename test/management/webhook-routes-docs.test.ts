import t, { type Test } from 'tap'
import type { LatchkeyOptions } from 'fastify-latchkey'
import { webhooks } from 'fastify-latchkey/webhooks'
import { webhookRoutes, type WebhookRoutesOptions } from 'fastify-latchkey/management'
import { collectRounds } from '../helpers/collect.js'
import { broughtBy, documentBeside, type Document } from '../helpers/documented.js'
import { person } from '../helpers/key-routes.js'
import { lint } from '../helpers/redocly.js'
import { scopes } from '../helpers/webhooks.js'

const documentWith = (t: Test, openapi: '3.0.3' | '3.1.0', options: Partial<LatchkeyOptions> = {}, routes: WebhookRoutesOptions = {}): Promise<Document> =>
  documentBeside(t, openapi, { scopes, ...options }, async (app) => {
    await app.register(webhooks, {})
    await app.register(webhookRoutes, { prefix: '/webhooks', ...routes })
  })

t.test('every operation says what it needs and answers', async (t) => {
  const operations = broughtBy(await documentWith(t, '3.1.0'))
  t.strictSame(operations.map(([name, { security }]) => [name, security]), [
    ['post /webhooks', [{ apiKey: ['webhooks:write'] }]],
    ['get /webhooks', [{ apiKey: ['webhooks:read'] }]],
    ['get /webhooks/caller', [{ apiKey: ['webhooks:read'] }]],
    ['get /webhooks/{id}', [{ apiKey: ['webhooks:read'] }]],
    ['patch /webhooks/{id}', [{ apiKey: ['webhooks:write'] }]],
    ['delete /webhooks/{id}', [{ apiKey: ['webhooks:manage'] }]],
    ['post /webhooks/{id}/rotate-secret', [{ apiKey: ['webhooks:manage'] }]],
    ['post /webhooks/{id}/test', [{ apiKey: ['webhooks:write'] }]],
    ['get /webhooks/{id}/deliveries', [{ apiKey: ['webhooks:read'] }]],
    ['post /webhooks/{id}/deliveries/{delivery}/replay', [{ apiKey: ['webhooks:write'] }]]
  ])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [name, operation] of operations) {
    patterns.add(operation, { tags: ['webhooks'], summary: String }, name)
    for (const status of ['400', '401', '403', '404', '409', '429', '503']) rounds.add(Boolean(operation.responses[status]), true, `${name} ${status}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a linter finds nothing, in any version and error format', async (t) => {
  const rounds = collectRounds()
  for (const [version, options, routes] of [
    ['3.1.0', {}, {}],
    ['3.0.3', { errors: 'detail' }, {}],
    ['3.1.0', { errors: 'throw' }, { session: () => person({ scopes: ['webhooks:manage'] }) }]
  ] as const satisfies ReadonlyArray<readonly [string, Partial<LatchkeyOptions>, WebhookRoutesOptions]>) {
    rounds.add((await lint(t, await documentWith(t, version, options, routes))).problems, [], `${version} ${options.errors}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
