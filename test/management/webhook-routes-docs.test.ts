import t, { type Test } from 'tap'
import type { LatchkeyOptions } from 'fastify-latchkey'
import { webhooks } from 'fastify-latchkey/webhooks'
import { webhookRoutes, type WebhookRoutesOptions } from 'fastify-latchkey/management'
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
  for (const [name, operation] of operations) {
    t.match(operation, { tags: ['webhooks'], summary: String }, name)
    for (const status of ['400', '401', '403', '404', '409', '429', '503']) t.ok(operation.responses[status], `${name} ${status}`)
  }
})

t.test('a linter finds nothing, in any version and error format', async (t) => {
  for (const [version, options, routes] of [
    ['3.1.0', {}, {}],
    ['3.0.3', { errors: 'detail' }, {}],
    ['3.1.0', { errors: 'throw' }, { session: () => person({ scopes: ['webhooks:manage'] }) }]
  ] as const satisfies ReadonlyArray<readonly [string, Partial<LatchkeyOptions>, WebhookRoutesOptions]>) {
    t.same((await lint(t, await documentWith(t, version, options, routes))).problems, [], `${version} ${options.errors}`)
  }
})
