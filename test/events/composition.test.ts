import t, { type Test } from 'tap'
import { eventData, type AccessEvent, type AuditEntry, type EventsOptions } from 'fastify-latchkey/events'
import { Value } from '@sinclair/typebox/value'
import { FormatRegistry } from '@sinclair/typebox'
import { keyApi } from '../helpers/key-routes.js'
import { guarded, untyped } from '../helpers/limits.js'
import { createMemoryKeyStore } from 'fastify-latchkey/keys'
import { until } from '../helpers/until.js'

FormatRegistry.Set('date-time', (text) => new Date(text).toISOString() === text)

const minute = [{ name: 'minute', quota: 2, window: 60 }, { name: 'many', quota: 100, window: 60, partition: 'workspace' as const }]

/** An API with all that it tells; what is heard fits the schema of its type. */
async function told (t: Test, options: EventsOptions = {}, more: Parameters<typeof keyApi>[1] = {}) {
  const api = await keyApi(t, { ...more, latchkey: { events: options, ...more.latchkey } })
  await settled()
  const events: AccessEvent[] = []
  api.app.latchkey.events.on('*', (event) => {
    t.ok(Value.Check(eventData[event.type], event.data), `${event.type}: ${JSON.stringify(event.data)}`)
    events.push(event)
  })
  return { ...api, heard: events, async take () { await settled(); return events.splice(0) } }
}

async function settled (): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate)
}

t.test('changes by the management routes say who, and from where', async (t) => {
  const { send, take, callers } = await told(t)
  const by = { kind: 'api-key', id: callers.admin.key.id, owner: 'ada' }
  const made = await send('admin', 'POST /api-keys', { scopes: ['devices:read'], name: 'CI' })
  const { key: { id } }: { key: { id: string } } = made.json()
  await send('admin', `PATCH /api-keys/${id}`, { name: 'CD' })
  await send('admin', `POST /api-keys/${id}/rotate`, { grace: 60 })
  await send('admin', `POST /api-keys/${id}/rotate`, { grace: 60, graceFrom: 'first-use' })
  await send('admin', `POST /api-keys/${id}/rotate`, {})
  await send('admin', `POST /api-keys/${id}/revoke`, { reason: 'left' })
  const events = await take()
  for (const event of events) {
    t.match(event, { id: /^evt_[0-9a-f]{32}$/, at: Date, workspace: 'w1', by, from: { ip: '127.0.0.1', requestId: /^req-/ } })
    t.match(event.data, { key: { id, environment: 'production', owner: 'ada', hint: /^\w{4}$/ } })
  }
  t.match(events.map(({ type, data }) => [type, data]), [
    ['key.issued', { key: { name: 'CI' } }],
    ['key.updated', { key: { name: 'CD' }, changed: ['name'] }],
    ['key.rotated', { earlierRetiresAt: '2026-01-01T00:01:00.000Z' }],
    ['key.rotated', { earlierRetiresAfterFirstUse: 60 }],
    ['key.rotated', {}],
    ['key.revoked', { reason: 'left' }]
  ])
  t.equal(new Set(events.map(({ id }) => id)).size, 6)
})

t.test('a key that is made to expire is changed by whoever did so, and has expired once that is noticed', async (t) => {
  const { app, callers, take } = await told(t)
  await app.latchkey.keys.expire('w1', callers.plain.key.id, { from: { ip: '192.0.2.1', requestId: 'r1' } })
  t.match(await take(), [{ type: 'key.updated', data: { changed: ['expiresAt'] }, from: { ip: '192.0.2.1', requestId: 'r1' } }])
  const silent = await told(t, { notices: false })
  await silent.app.latchkey.keys.expire('w1', silent.callers.plain.key.id)
  t.match(await silent.take(), [{ type: 'key.expired', data: { expiresAt: '2026-01-01T00:00:00.000Z' } }])
})

t.test('keys that are due are told of while the app is up, and none after', async (t) => {
  const store = createMemoryKeyStore()
  const { app, take, heard } = await told(t, { notices: { interval: 0.001 } }, { latchkey: { keys: { prefix: 'acme', store } } })
  await app.ready()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 3)) })
  t.match(await notice(heard), { data: { threshold: 604_800, expiresAt: '2026-01-03T00:00:00.000Z' } })
  await app.close()
  await take()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 3)) })
  t.same((await take()).map(({ type }) => type), ['key.issued'])
})

t.test('thresholds and age are the host\'s, and a host without notices has none', async (t) => {
  const { app, heard } = await told(t, { notices: { thresholds: [3600], rotationAge: false, interval: 0.001 } })
  await app.ready()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 1, 1)) })
  t.match(await notice(heard), { data: { threshold: 3600 } })
})

/** The first notice of an expiry among what is heard, whenever it comes. */
async function notice (heard: readonly AccessEvent[]): Promise<AccessEvent | undefined> {
  const find = () => heard.find(({ type }) => type === 'key.expiring')
  await until(() => find() !== undefined, 'a notice')
  return find()
}

t.test('a retiring secret that is used is told of once a day', async (t) => {
  const { app, send, take, callers, clock } = await told(t)
  await app.latchkey.keys.rotate('w1', callers.plain.key.id, { grace: 200_000 })
  await take()
  for (const later of [0, 10, 86_400]) {
    clock.advance(later)
    for (let i = 0; i < 3; i++) t.equal((await send('plain', 'GET /devices')).statusCode, 200)
  }
  t.match(await take(), [1, 2].map(() => ({ type: 'key.retiring_secret_used', workspace: 'w1', data: { key: { id: callers.plain.key.id }, retiresAt: '2026-01-03T07:33:20.000Z' } })))
})

t.test('a key in a query is told of once, one that is none never', async (t) => {
  const { app, take, callers } = await told(t)
  for (let i = 0; i < 3; i++) await app.inject(`/devices?key=${callers.plain.secret}`)
  await app.inject('/devices?key=acme_live_nonsense')
  t.match(await take(), [{ type: 'key.exposed', data: { key: { id: callers.plain.key.id } } }])
})

t.test('who is exposed is told to the host too, and looked up for either alone', async (t) => {
  const exposed: string[] = []
  const { app, as } = await guarded(t, { onExposed: ({ where }) => { exposed.push(where) } })
  app.get('/maybe', { schema: { security: [{}] } }, async () => 'in')
  await as.inject(app, { scopes: [] }, { url: '/maybe', headers: {} })
  const { app: api, callers } = await keyApi(t, { latchkey: { onExposed: ({ where }) => { exposed.push(where) } } })
  await api.inject(`/devices?key=${callers.plain.secret}`)
  await settled()
  t.same(exposed, ['query'])
  const { app: deaf, callers: theirs } = await keyApi(t, { latchkey: { events: false, onExposed: ({ where }) => { exposed.push(where) } } })
  await deaf.inject(`/devices?key=${theirs.plain.secret}`)
  await settled()
  t.same(exposed, ['query', 'query'])
})

t.test('a policy that is used up is told of once a partition and window', async (t) => {
  const limited: string[] = []
  const { send, take, callers, clock } = await told(t, {}, { latchkey: { limits: { tiers: { pro: minute }, onLimited: ({ outcome }) => { limited.push(outcome) } } } })
  const ask = async (who: 'plain' | 'reader', times: number) => { for (let i = 0; i < times; i++) await send(who, 'GET /devices') }
  await ask('plain', 2)
  t.same(await take(), [])
  await ask('plain', 3)
  await ask('reader', 4)
  const data = { policy: 'minute', partition: 'principal', environment: 'production', resetAt: '2026-01-01T00:01:00.000Z' }
  t.match(await take(), ['plain', 'reader'].map((who) => ({ type: 'limit.exceeded', workspace: 'w1', data: { ...data, principal: { kind: 'api-key', id: who === 'plain' ? callers.plain.key.id : callers.reader.key.id } } })))
  clock.advance(60)
  await ask('plain', 4)
  t.match(await take(), [{ type: 'limit.exceeded', data: { resetAt: '2026-01-01T00:02:00.000Z' } }])
  t.same(limited, Array.from({ length: 7 }, () => 'limited'))
})

t.test('of a token bucket once in its window; a trial is told of to nobody', async (t) => {
  const { send, take, clock } = await told(t, {}, { latchkey: { limits: { tiers: { pro: [{ name: 'b', quota: 60, window: 60, burst: 1, partition: 'workspace' }] } } } })
  for (let i = 0; i < 5; i++) await send('plain', 'GET /devices')
  clock.advance(30)
  for (let i = 0; i < 5; i++) await send('reader', 'GET /devices')
  clock.advance(30)
  for (let i = 0; i < 5; i++) await send('reader', 'GET /devices')
  t.match(await take(), [1, 2].map(() => ({ type: 'limit.exceeded', data: { policy: 'b', partition: 'workspace' } })))
  const trial = await told(t, {}, { latchkey: { limits: { tiers: { pro: minute }, dryRun: true } } })
  for (let i = 0; i < 5; i++) await trial.send('plain', 'GET /devices')
  t.same(await trial.take(), [])
})

t.test('the audit stream says who, what, when and from where', async (t) => {
  const entries: AuditEntry[] = []
  const { send, app, callers } = await told(t, { audit: (entry) => { entries.push(entry) } }, { latchkey: { limits: { tiers: { pro: [{ name: 'm', quota: 1, window: 60 }] } } } })
  entries.length = 0
  await send('admin', `POST /api-keys/${callers.plain.key.id}/revoke`, { reason: 'left' })
  await send('admin', 'GET /api-keys')
  await settled()
  t.match(entries, [
    { what: 'key.revoked', when: '2026-01-01T00:00:00.000Z', workspace: 'w1', of: callers.plain.key.id, who: { kind: 'api-key', id: callers.admin.key.id, owner: 'ada' }, from: { ip: '127.0.0.1', requestId: String }, more: { reason: 'left' } },
    { what: 'limit.exceeded', of: callers.admin.key.id, more: { policy: 'm', environment: 'production' } }
  ])
  const logged: unknown[] = []
  const { app: logging } = await guarded(t, { keys: { prefix: 'acme' }, events: { audit: true } })
  logging.log.info = (...entry: unknown[]) => { logged.push(entry) }
  const { key, secret: text } = await logging.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  await settled()
  t.match(logged, [[{ what: 'key.issued', of: key.id }, 'access event']])
  t.notMatch(JSON.stringify([entries, logged]), text.slice(-49, -40))
  await app.close()
})

t.test('options of notices and of the audit are checked at boot', async (t) => {
  const row = (events: unknown) => guarded(t, { events: untyped(events) }).then(() => '', String)
  t.match(await row({ notices: { thresholds: [0] } }), /option events\.notices must be \{ thresholds\?, rotationAge\?, interval\? \} with up to 10 thresholds/)
  t.match(await row({ notices: true }), /option events\.notices must be/)
  t.match(await row({ audit: 'log' }), /option events\.audit must be true, false or a function of the entry/)
})
