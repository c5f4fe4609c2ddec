import Fastify from 'fastify'
import { allowPlainHttp, latchkey } from 'fastify-latchkey'
import { eventTypes } from 'fastify-latchkey/events'
import { webhooks, type WebhooksOptions } from 'fastify-latchkey/webhooks'
import { webhookRoutes } from 'fastify-latchkey/management'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { verified } from '../helpers/receiver.js'
import { person } from '../helpers/key-routes.js'
import { untyped } from '../helpers/limits.js'
import { notice, scopes, webhookApi } from '../helpers/webhooks.js'
import { until } from '../helpers/until.js'

t.test('an endpoint is created, shown without its secret, updated, tested, rotated and removed, and receives events and replays', async (t) => {
  const { app, receiver, send, log } = await webhookApi(t)
  const created = await send('writer', 'POST /webhooks', { url: receiver.url(), events: ['key.expiring', 'key.expiring'], description: 'ours' })
  t.equal(created.statusCode, 201)
  t.equal(created.headers['cache-control'], 'no-store')
  const { endpoint, secret } = created.json()
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  t.match(endpoint, { id: /^whe_/, workspace: 'w1', environment: 'production', events: ['key.expiring'], description: 'ours', enabled: true, version: 1 })
  const path = `/webhooks/${endpoint.id}`
  t.strictSame((await send('reader', `GET ${path}`)).json(), endpoint)
  t.strictSame((await send('reader', 'GET /webhooks')).json(), { endpoints: [endpoint] })

  const event = notice()
  t.equal(await app.latchkey.events.emit(event), true)
  t.equal(await app.latchkey.events.emit(event), true, 'emitted twice, delivered once')
  await app.latchkey.events.emit(notice({}, 'sandbox'))
  await app.latchkey.events.emit({ ...notice(), type: 'key.exposed', data: { key: event.data.key } })
  const [first] = await receiver.count(1)
  t.match(first, { path: '/ok', headers: { 'webhook-id': event.id, 'content-type': 'application/json', 'user-agent': 'fastify-latchkey' } })
  t.strictSame(first && verified(secret, first), { type: 'key.expiring', timestamp: event.at.toISOString(), data: event.data })

  t.match((await send('writer', `POST ${path}/test`)).json(), { type: 'webhook.test', state: 'pending', attempts: [] })
  const [, tested] = await receiver.count(2)
  t.match(tested && verified(secret, tested), { type: 'webhook.test', data: { endpoint: endpoint.id } })
  let sent: { id: string, eventId: string, state: string, attempts: unknown[] }[] = []
  await until(async () => {
    sent = (await send('reader', `GET ${path}/deliveries`)).json().deliveries
    return sent.filter(({ state }) => state === 'delivered').length === 2
  })
  t.match(sent.map(({ attempts }) => attempts), [[{ status: 204, outcome: 'delivered' }], [{ status: 204, outcome: 'delivered' }]])
  const page = (await send('reader', `GET ${path}/deliveries?limit=1&state=delivered`)).json()
  t.equal((await send('reader', `GET ${path}/deliveries?limit=1&cursor=${page.next}`)).json().deliveries.length, 1)

  const rotated = await send('admin', `POST ${path}/rotate-secret`, { grace: 60 })
  t.equal(rotated.json().endpoint.secrets.length, 2)
  const original = sent.find(({ eventId }) => eventId === event.id)
  t.equal((await send('writer', `POST ${path}/deliveries/${original?.id}/replay`)).statusCode, 202)
  const [, , replayed] = await receiver.count(3)
  t.equal(replayed?.headers['webhook-id'], event.id)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const one of [secret, rotated.json().secret]) patterns.add(replayed && verified(one, replayed), { type: 'key.expiring' }, 'either secret verifies it')
  t.match((await send('admin', `POST ${path}/rotate-secret`, { version: 1 })).json(), { status: 409, code: 'WEBHOOK_CONFLICT', detail: 'The endpoint has the version 2, not 1; read it again.' })
  const atOnce = await send('admin', `POST ${path}/rotate-secret`, { grace: 0, version: 2 })
  t.equal(atOnce.json().endpoint.secrets.length, 1)
  await send('writer', `POST ${path}/test`)
  const [, , , last] = await receiver.count(4)
  t.throws(() => last && verified(secret, last))
  t.ok(last && verified(atOnce.json().secret, last))

  for (const version of [4, 2]) {
    const changed = await send('writer', `PATCH ${path}`, { description: null, events: [], url: receiver.url('/broken'), version })
    patterns.add(changed.json(), { status: 409, detail: `The endpoint has the version 3, not ${version}; read it again.` })
  }
  const { description: _gone, updatedAt, ...rest } = atOnce.json().endpoint
  t.match([updatedAt, rest.updatedBy], [/^20/, { kind: 'api-key', you: true }])
  const { updatedAt: _later, ...moved } = (await send('writer', `PATCH ${path}`, { description: null, events: [], url: receiver.url('/broken'), version: 3 })).json()
  t.strictSame(moved, { ...rest, events: [], url: receiver.url('/broken'), version: 4 })
  t.match((await send('reader', `GET ${path}`)).json().updatedBy, { kind: 'api-key', you: false })
  const disabled = (await send('writer', `PATCH ${path}`, { enabled: false })).json()
  t.match(disabled, { enabled: false, disabledReason: 'requested', disabledAt: String })
  for (const what of ['test', `deliveries/${original?.id}/replay`]) rounds.add((await send('writer', `POST ${path}/${what}`)).json().code, 'WEBHOOK_CONFLICT')
  t.match((await send('writer', `PATCH ${path}`, { description: 'b' })).json(), { enabled: false, description: 'b' })
  t.match((await send('writer', `PATCH ${path}`, { enabled: true })).json(), { enabled: true, description: 'b' })
  t.equal((await send('admin', `DELETE ${path}`)).statusCode, 204)
  t.equal((await send('admin', `GET ${path}`)).statusCode, 404)
  for (const one of [secret, rotated.json().secret, atOnce.json().secret]) rounds.add(String(log.text()).includes(one.slice(10, 30)), false)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a caller reads who it is, where it may act, what it may do, and which types of events there are', async (t) => {
  const { send } = await webhookApi(t, { routes: { environmentsOf: () => ['sandbox'] } })
  const { id, events, ...rest } = (await send('writer', 'GET /webhooks/caller')).json()
  t.strictSame(rest, { workspace: 'w1', environment: 'production', may: { write: true, manage: false }, workspaces: [{ id: 'w1', current: true }], environments: ['production', 'sandbox'] })
  t.match(id, /^key_/)
  t.strictSame(events.map(({ type }: { type: string }) => type), eventTypes)
  t.match(events[0], { type: 'key.issued', description: 'a key was issued' })
  t.match((await send('admin', 'GET /webhooks/caller?environment=sandbox')).json(), { environment: 'sandbox', may: { write: true, manage: true } })
  t.equal((await send(null, 'GET /webhooks/caller')).statusCode, 401)
})

t.test('a page has 50 deliveries where the caller names no limit', async (t) => {
  const { send, receiver } = await webhookApi(t)
  const path = `/webhooks/${(await send('writer', 'POST /webhooks', { url: receiver.url() })).json().endpoint.id}`
  await Promise.all(Array.from({ length: 51 }, () => send('writer', `POST ${path}/test`)))
  const { deliveries, next } = (await send('reader', `GET ${path}/deliveries`)).json()
  t.equal(deliveries.length, 50)
  t.equal((await send('reader', `GET ${path}/deliveries?cursor=${next}`)).json().deliveries.length, 1)
})

t.test('a later rotation gives a secret that retires already no more time, but may give it less', async (t) => {
  const { send, receiver } = await webhookApi(t, { clock: () => Date.UTC(2026, 0, 1) })
  const { id } = (await send('writer', 'POST /webhooks', { url: receiver.url() })).json().endpoint
  const rotate = async (grace: number) => {
    const { secrets } = (await send('admin', `POST /webhooks/${id}/rotate-secret`, { grace })).json().endpoint
    return secrets.map(({ retiresAt }: { retiresAt?: string }) => retiresAt)
  }
  t.strictSame(await rotate(60), ['2026-01-01T00:01:00.000Z', undefined])
  t.strictSame(await rotate(3600), ['2026-01-01T00:01:00.000Z', '2026-01-01T01:00:00.000Z', undefined])
  t.strictSame(await rotate(1), ['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:01.000Z', undefined].slice(-3))
})

t.test('of many endpoints that are created at the same time, no more are added than a workspace may have', async (t) => {
  const { send, receiver } = await webhookApi(t)
  const created = await Promise.all(Array.from({ length: 90 }, () => send('writer', 'POST /webhooks', { url: receiver.url() })))
  const count = (status: number) => created.filter(({ statusCode }) => statusCode === status).length
  t.strictSame([count(201), count(409)], [20, 70])
  t.equal((await send('reader', 'GET /webhooks')).json().endpoints.length, 20)
})

t.test('what is of another workspace or environment is what is missing', async (t) => {
  const { receiver, send, app } = await webhookApi(t)
  const { id } = (await send('admin', 'POST /webhooks', { url: receiver.url() })).json().endpoint
  await app.latchkey.webhooks.create('w1', { url: receiver.url() })
  const of = (path: string) => ['GET', 'PATCH', 'DELETE'].map((method) => `${method} ${path}`).concat(['rotate-secret', 'test', 'deliveries/x/replay'].map((what) => `POST ${path}/${what}`), `GET ${path}/deliveries`)
  const rounds = collectRounds()
  for (const who of ['other', 'sandbox'] as const) {
    for (const request of of(`/webhooks/${id}`)) {
      const missing = await send('admin', request.replace(id, 'whe_missing'), request.startsWith('GET') ? undefined : {})
      const answer = await send(who, request, request.startsWith('GET') ? undefined : {})
      rounds.add([answer.statusCode, answer.body], [404, missing.body], `${who} ${request}`)
    }
    rounds.add((await send(who, 'GET /webhooks')).json(), { endpoints: [] })
  }
  t.equal((await send('admin', 'GET /webhooks?workspace=w2')).statusCode, 404)
  t.equal((await send('admin', `POST /webhooks/${id}/deliveries/x/replay`)).statusCode, 404)
  t.equal((await app.latchkey.webhooks.list('w1')).length, 2, 'the host sees all')
  for (const request of ['GET /webhooks/%00', `POST /webhooks/${id}/deliveries/%00/replay`, 'DELETE /webhooks/a%0Ab']) {
    rounds.add((await send('admin', request, request.startsWith('POST') ? {} : undefined)).json().code, 'WEBHOOK_NOT_FOUND', 'no store is asked for what it may refuse')
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('each operation needs its scope', async (t) => {
  const { send, receiver } = await webhookApi(t)
  const { id } = (await send('admin', 'POST /webhooks', { url: receiver.url() })).json().endpoint
  const rounds = collectRounds()
  for (const [who, request, status] of [
    [null, 'GET /webhooks', 401], ['reader', 'POST /webhooks', 403], ['reader', `PATCH /webhooks/${id}`, 403], ['reader', `POST /webhooks/${id}/test`, 403],
    ['writer', `DELETE /webhooks/${id}`, 403], ['writer', `POST /webhooks/${id}/rotate-secret`, 403]
  ] as const) rounds.add((await send(who, request, request.startsWith('GET') ? undefined : {})).statusCode, status, request)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('bad input is refused with what to do', async (t) => {
  const { send, receiver } = await webhookApi(t, { webhooks: { destinations: undefined, resolve: async (name) => [name === 'inside.example.com' ? '10.0.0.1' : '8.8.8.8'], maxEndpoints: 1 } })
  const good = { url: 'https://example.com/hooks' }
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [body, detail] of [
    [{}, 'url is missing; it must be a string of 1 to 2048 characters'],
    [{ ...good, secret: 'x' }, /"secret" is not a field here/],
    [{ ...good, workspace: 'w2' }, /"workspace" is not a field here/],
    [{ ...good, environment: 'sandbox' }, /"environment" is not a field here/],
    [{ ...good, events: ['key.lost'] }, /^events\.0 must be one of "key\.issued", .*, not "key\.lost"$/],
    [{ url: 'http://example.com' }, 'url must begin with https:'],
    [{ url: receiver.url() }, 'url must name no port: deliveries go to 443'],
    [{ url: 'https://inside.example.com/' }, 'url must lead to a public address']
  ] as const) patterns.add((await send('admin', 'POST /webhooks', body)).json(), { status: 400, code: 'WEBHOOK_INPUT_INVALID', detail })
  const { id } = (await send('admin', 'POST /webhooks', good)).json().endpoint
  t.match((await send('admin', 'POST /webhooks', good)).json(), { status: 409, code: 'WEBHOOK_CONFLICT', detail: 'The workspace has 1 endpoints already; remove one first.' })
  t.match((await send('admin', `PATCH /webhooks/${id}`, { url: 'https://127.1/' })).json(), { status: 400, detail: 'url must lead to a public address' })
  for (const query of ['limit=0', 'limit=x', 'cursor=x', 'state=lost']) rounds.add((await send('admin', `GET /webhooks/${id}/deliveries?${query}`)).statusCode, 400, query)
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.equal((await send('admin', `POST /webhooks/${id}/rotate-secret`, { grace: -1 })).statusCode, 400)
})

t.test('a store that fails is 503, an endpoint that was changed meanwhile is 409', async (t) => {
  const { send, receiver, store, log } = await webhookApi(t)
  const { id } = (await send('admin', 'POST /webhooks', { url: receiver.url() })).json().endpoint
  store.updateEndpoint = async () => false
  t.match((await send('admin', `PATCH /webhooks/${id}`, {})).json(), { status: 409, code: 'WEBHOOK_CONFLICT', detail: 'The endpoint was changed meanwhile; read it again.' })
  store.getEndpoint = async () => { throw new Error('a secret of the store') }
  const answer = await send('admin', `GET /webhooks/${id}`)
  t.match(answer.json(), { status: 503, code: 'WEBHOOKS_UNAVAILABLE' })
  t.notMatch(log.text() + answer.body, 'a secret of the store')
})

t.test('the session of a host says who acts', async (t) => {
  const { send, receiver } = await webhookApi(t, { routes: { session: (request) => request.headers.authorization === undefined ? null : person({ scopes: ['webhooks:manage'] }) } })
  t.equal((await send('admin', 'POST /webhooks', { url: receiver.url() })).statusCode, 201)
  t.equal((await send(null, 'GET /webhooks')).statusCode, 401)
  t.match((await send('admin', 'DELETE /webhooks/x')).json(), { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'A change must be sent with Content-Type: application/json.' })
})

t.test('what is missing, and options that do not fit, are named at boot', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => await app.register(webhookRoutes), { name: 'OptionError', message: /register webhookRoutes after latchkey and webhooks/ })
  const bare = Fastify()
  t.teardown(() => bare.close())
  await t.rejects(async () => await bare.register(webhooks), { name: 'OptionError', message: /register webhooks after latchkey/ })
  const patterns = collectRounds()
  for (const [options, message] of [
    [{ deadline: 0 }, 'option webhooks.deadline must be seconds above 0 and at most 60, not 0'],
    [{ destinations: Symbol('x') }, 'option webhooks.destinations must be allowPrivateAddresses, imported from fastify-latchkey/webhooks, or left out; it is another symbol'],
    [{ secretKeys: [Buffer.alloc(16)] }, /option webhooks.secretKeys must be an array of keys of 32 bytes/],
    [{ secretKeys: 'a secret' }, /option webhooks.secretKeys must be an array of keys of 32 bytes: \[[^\]]*\]$/],
    [{ store: {} }, /option webhooks.store must be a webhook store/],
    [{ port: 1 }, /unknown option webhooks.port/]
  ] as const) {
    const guarded = Fastify()
    t.teardown(() => guarded.close())
    await guarded.register(latchkey, { scopes, environment: 'production', keys: { prefix: 'acme' }, transport: allowPlainHttp })
    patterns.add(await rejection(async () => await guarded.register(webhooks, untyped<WebhooksOptions>(options))), { name: 'OptionError', message: typeof message === 'string' ? `fastify-latchkey: ${message}` : message })
  }
  t.match(patterns.seen, patterns.expected)
})
