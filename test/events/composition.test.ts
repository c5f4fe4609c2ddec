import { Value } from '@sinclair/typebox/value'
import type { LatchkeyOptions } from 'fastify-latchkey'
import { eventData, type AccessEvent, type AuditEntry } from 'fastify-latchkey/events'
import t, { type Test } from 'tap'
import { settled } from '../helpers/events.js'
import { keyApi } from '../helpers/key-routes.js'
import { guarded } from '../helpers/limits.js'
import { until } from '../helpers/until.js'

const minute = [{ name: 'minute', quota: 2, window: 60 }, { name: 'many', quota: 100, window: 60, partition: 'workspace' as const }]

/** An API with all events that it emits; each is checked against the schema of its type. */
async function observed (t: Test, options: Partial<LatchkeyOptions> = {}) {
  const api = await keyApi(t, { latchkey: options })
  await settled()
  const emitted: AccessEvent[] = []
  const wrong: AccessEvent[] = []
  api.app.latchkey.events.on('*', (event) => {
    emitted.push(event)
    if (!Value.Check(eventData[event.type], event.data)) wrong.push(event)
  })

  async function take (): Promise<AccessEvent[]> {
    await settled()
    t.same(wrong, [], 'data are as the schema of their type says')
    return emitted.splice(0)
  }
  return { ...api, emitted, take }
}

t.test('changes by the management routes say who, and from where', async (t) => {
  const { send, take, callers } = await observed(t)
  const by = { kind: 'api-key', id: callers.admin.key.id, owner: 'ada' }
  const made = await send('admin', 'POST /api-keys', { scopes: ['devices:read'], name: 'CI' })
  const { key: { id } }: { key: { id: string } } = made.json()
  await send('admin', `PATCH /api-keys/${id}`, { name: 'CD' })
  await send('admin', `POST /api-keys/${id}/rotate`, { grace: 60 })
  await send('admin', `POST /api-keys/${id}/rotate`, { grace: 60, graceFrom: 'first-use' })
  await send('admin', `POST /api-keys/${id}/rotate`, {})
  await send('admin', `POST /api-keys/${id}/revoke`, { reason: 'left' })
  const events = await take()
  const about = { id, environment: 'production', owner: 'ada', hint: /^\w{4}$/ }
  t.match(events, events.map(() => ({ id: /^evt_[0-9a-f]{32}$/, at: Date, workspace: 'w1', by, from: { ip: '127.0.0.1', requestId: /^req-/ }, data: { key: about } })))
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

t.test('where a change came from is an address without a port', async (t) => {
  const { app, callers, take } = await observed(t)
  await app.inject({ method: 'POST', url: '/api-keys', remoteAddress: '203.0.113.7:1234', headers: { authorization: `Bearer ${callers.admin.secret}` }, payload: { scopes: [] } })
  t.match(await take(), [{ type: 'key.issued', from: { ip: /^203\.0\.113\.7$/ } }])
})

t.test('a key that is made to expire is updated by its caller, and has expired once a scan notices it', async (t) => {
  const { app, callers, take } = await observed(t)
  await app.latchkey.keys.expire('w1', callers.plain.key.id, { from: { ip: '192.0.2.1', requestId: 'r1' } })
  t.match(await take(), [{ type: 'key.updated', data: { changed: ['expiresAt'] }, from: { ip: '192.0.2.1', requestId: 'r1' } }])
  const without = await observed(t, { keys: { prefix: 'acme', notices: false } })
  await without.app.latchkey.keys.expire('w1', without.callers.plain.key.id)
  t.match(await without.take(), [{ type: 'key.expired', data: { expiresAt: '2026-01-01T00:00:00.000Z' } }])
})

t.test('notices of keys are emitted while the app is up, and none after', async (t) => {
  const { app, take, emitted } = await observed(t, { keys: { prefix: 'acme', notices: { interval: 0.001 } } })
  await app.ready()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 3)) })
  t.match(await notice(emitted), { data: { threshold: 604_800, expiresAt: '2026-01-03T00:00:00.000Z' } })
  await app.close()
  await take()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 3)) })
  t.same((await take()).map(({ type }) => type), ['key.issued'])
})

t.test('the host chooses thresholds and age of notices', async (t) => {
  const notices = { thresholds: [3600], rotationAge: false, interval: 0.001 } as const
  const { app, emitted } = await observed(t, { keys: { prefix: 'acme', notices } })
  await app.ready()
  await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], expiresAt: new Date(Date.UTC(2026, 0, 1, 1)) })
  t.match(await notice(emitted), { data: { threshold: 3600 } })
})

/** The first notice of an expiry, whenever it comes. */
async function notice (emitted: readonly AccessEvent[]): Promise<AccessEvent | undefined> {
  const find = () => emitted.find(({ type }) => type === 'key.expiring')
  await until(() => find() !== undefined, 'a notice')
  return find()
}

t.test('the use of a retiring secret is an event once a day', async (t) => {
  const { app, send, take, callers, clock } = await observed(t)
  await app.latchkey.keys.rotate('w1', callers.plain.key.id, { grace: 200_000 })
  await take()
  const statuses: number[] = []
  for (const later of [0, 10, 86_400]) {
    clock.advance(later)
    for (let i = 0; i < 3; i++) statuses.push((await send('plain', 'GET /devices')).statusCode)
  }
  t.same(statuses, Array(9).fill(200))
  t.match(await take(), [1, 2].map(() => ({ type: 'key.retiring_secret_used', workspace: 'w1', data: { key: { id: callers.plain.key.id, environment: 'production', owner: 'ada' }, retiresAt: '2026-01-03T07:33:20.000Z' } })))
})

t.test('a key in a query is an event once, an unknown one never', async (t) => {
  const { app, take, callers } = await observed(t)
  for (let i = 0; i < 3; i++) await app.inject(`/devices?key=${callers.plain.secret}`)
  await app.inject('/devices?key=acme_live_nonsense')
  t.match(await take(), [{ type: 'key.exposed', data: { key: { id: callers.plain.key.id } } }])
})

t.test('a policy that is used up is an event once a partition and window', async (t) => {
  const { send, take, callers, clock } = await observed(t, { limits: { tiers: { pro: minute } } })
  const ask = async (who: 'plain' | 'reader', times: number) => { for (let i = 0; i < times; i++) await send(who, 'GET /devices') }
  await ask('plain', 2)
  t.same(await take(), [])
  await ask('plain', 3)
  await ask('reader', 4)
  const data = { policy: 'minute', partition: 'principal', environment: 'production', resetAt: '2026-01-01T00:01:00.000Z' }
  const exceededBy = (id: string) => ({ type: 'limit.exceeded', workspace: 'w1', data: { ...data, principal: { kind: 'api-key', id } } })
  t.match(await take(), [exceededBy(callers.plain.key.id), exceededBy(callers.reader.key.id)])
  clock.advance(60)
  await ask('plain', 4)
  t.match(await take(), [{ type: 'limit.exceeded', data: { resetAt: '2026-01-01T00:02:00.000Z' } }])
})

t.test('a token bucket that is used up is an event once in its window; a dry run emits none', async (t) => {
  const bucket = [{ name: 'b', quota: 60, window: 60, burst: 1, partition: 'workspace' as const }]
  const { send, take, clock } = await observed(t, { limits: { tiers: { pro: bucket } } })
  for (let i = 0; i < 5; i++) await send('plain', 'GET /devices')
  clock.advance(30)
  for (let i = 0; i < 5; i++) await send('reader', 'GET /devices')
  clock.advance(30)
  for (let i = 0; i < 5; i++) await send('reader', 'GET /devices')
  t.match(await take(), [1, 2].map(() => ({ type: 'limit.exceeded', data: { policy: 'b', partition: 'workspace' } })))
  const trial = await observed(t, { limits: { tiers: { pro: minute }, dryRun: true } })
  for (let i = 0; i < 5; i++) await trial.send('plain', 'GET /devices')
  t.same(await trial.take(), [])
})

t.test('the audit log says who, what, when and from where', async (t) => {
  const entries: AuditEntry[] = []
  const once = [{ name: 'm', quota: 1, window: 60 }]
  const { send, app, callers } = await observed(t, { events: { audit: (entry) => { entries.push(entry) } }, limits: { tiers: { pro: once } } })
  entries.length = 0
  await send('admin', `POST /api-keys/${callers.plain.key.id}/revoke`, { reason: 'left' })
  await send('admin', 'GET /api-keys')
  await settled()
  t.match(entries, [
    { what: 'key.revoked', when: '2026-01-01T00:00:00.000Z', workspace: 'w1', of: callers.plain.key.id, who: { kind: 'api-key', id: callers.admin.key.id, owner: 'ada' }, from: { ip: '127.0.0.1', requestId: String }, more: { reason: 'left' } },
    { what: 'limit.exceeded', of: callers.admin.key.id, more: { policy: 'm', environment: 'production' } }
  ])
  await app.close()
  const logged: unknown[] = []
  const { app: logging } = await guarded(t, { keys: { prefix: 'acme' }, events: { audit: true } })
  logging.log.info = (...entry: unknown[]) => { logged.push(entry) }
  const { key, secret } = await logging.latchkey.keys.issue({ workspace: 'w1', scopes: [] })
  await settled()
  t.match(logged, [[{ what: 'key.issued', of: key.id }, 'access event']])
  t.notMatch(JSON.stringify([entries, logged]), secret.slice(-49, -40))
})
