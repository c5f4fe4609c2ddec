import t, { type Test } from 'tap'
import { build, type People, type Role } from '../../examples/company-tokens.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, as, challenges, keptLog, keyOf, refusalOf, refusalWith, refused, type Voice } from '../helpers/contracts.js'

const DAY = 86_400
const TOKENS = '/api/accounts/tokens'

const orders = [{ id: 'order_1', supplier: 'Mill' }]
const others = [{ id: 'order_2', supplier: 'Yard' }]
const invalid = { status: 401, body: { detail: 'Authentication credentials were not provided.' }, challenge: challenges.invalid }
const denied = (level: string) => ({ status: 403, body: { detail: 'You do not have permission to perform this action.' }, challenge: challenges.scope(level) })
const nowhere = { status: 404, body: { detail: 'There is no such key.' } }

interface Issued { readonly secret: string, readonly key: { readonly id: string, readonly [field: string]: unknown } }

async function start (t: Test) {
  const clock = fakeClock()
  const people: People = new Map<string, Map<string, Role>>([
    ['ada@acme.example', new Map([['acme', 'Admin'], ['globex', 'Write']])],
    ['bob@acme.example', new Map([['acme', 'Read']])]
  ])
  const log = keptLog()
  const { app, keys } = await build({ clock: clock.now, logger: log.logger, people })
  t.teardown(() => app.close())
  await app.ready()

  /** Another token, by the API. */
  async function create (send: Voice, scopes: readonly string[], query = ''): Promise<Issued & { send: Voice }> {
    const response = await send(`POST ${TOKENS}${query}`, { scopes })
    t.equal(response.statusCode, 201)
    const issued: Issued = response.json()
    return { ...issued, send: as(app, issued.secret) }
  }
  return { app, clock, log, people, create, speak: (name: string) => as(app, keyOf(keys, name)) }
}

t.test('"Rotate tokens regularly": the token is another one, what it may do is not, and the old one is dead', async (t) => {
  const { app, log, create, speak } = await start(t)
  const { key, secret, send } = await create(speak('admin'), ['Write'])
  const response = await speak('admin')(`POST ${TOKENS}/${key.id}/rotate`, {})
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  const rotated: Issued & { effectiveWithin: number } = response.json()
  t.match(rotated.secret, /^sk_live_[0-9A-Za-z]{49}$/)
  t.not(rotated.secret, secret)
  t.match(rotated.key, { id: key.id, scopes: ['Write'], owner: 'ada@acme.example', workspace: 'acme', version: 2, secrets: [{ generation: 1 }, { generation: 2 }] })
  t.equal(rotated.effectiveWithin, 0)
  refused(t, await send('GET /api/orders/'), invalid, 'the next request with the old one')
  answered(t, await as(app, rotated.secret)('GET /api/orders/'), 200, orders)
  refused(t, await speak('admin')(`POST ${TOKENS}/key_of_nobody/rotate`, {}), nowhere)
  refused(t, await speak('write')(`POST ${TOKENS}/${key.id}/rotate`, {}), denied('Admin'))
  const rounds = collectRounds()
  for (const one of [secret, rotated.secret]) rounds.add(String(log.text()).includes(one.slice(-49)), false, 'at trace level, the log has neither')
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('… with a day in which both work, and the old one is told when it ends', async (t) => {
  const { app, clock, create, speak } = await start(t)
  const { key, send } = await create(speak('admin'), ['Read'])
  const { secret }: Issued = (await speak('admin')(`POST ${TOKENS}/${key.id}/rotate`, { grace: DAY })).json()
  const next = as(app, secret)
  const ends = new Date(clock.now() + DAY * 1000).toUTCString()
  clock.advance(DAY - 1)
  const old = await send('GET /api/orders/')
  answered(t, old, 200, orders)
  t.equal(old.headers['api-key-retires'], ends)
  t.equal((await next('GET /api/orders/')).headers['api-key-retires'], undefined)
  clock.advance(1)
  refused(t, await send('GET /api/orders/'), invalid)
  answered(t, await next('GET /api/orders/'), 200, orders)
})

t.test('"We recommend rotating tokens every 90 days": the API says by when, and nothing happens to a token that stays', async (t) => {
  const { app, clock, create, speak } = await start(t)
  clock.advance(1)
  const { key, send } = await create(speak('admin'), ['Read'])
  const dueIn = (days: number) => new Date(clock.now() + days * DAY * 1000).toISOString()
  const first = dueIn(90)
  t.equal(key.rotateBy, first)
  t.equal(key.expiresAt, undefined)
  clock.advance(80 * DAY)
  const read = speak('read')
  t.match((await read(`GET ${TOKENS}/${key.id}`)).json(), { rotateBy: first, status: 'active' })
  const listed: { keys: ReadonlyArray<Issued['key']> } = (await read(`GET ${TOKENS}?limit=1`)).json()
  t.match(listed.keys, [{ id: key.id, rotateBy: first }])
  clock.advance(20 * DAY)
  answered(t, await send('GET /api/orders/'), 200, orders)
  const { secret, key: rotated }: Issued = (await speak('admin')(`POST ${TOKENS}/${key.id}/rotate`, {})).json()
  t.equal(rotated.rotateBy, dueIn(90), 'ninety days from the rotation')
  answered(t, await as(app, secret)('GET /api/orders/'), 200, orders)
})

t.test('"Tokens inherit the permissions of the user who created them.": none is created that may do more', async (t) => {
  const { app, create, speak } = await start(t)
  const rounds = collectRounds()
  for (const scopes of [['Write'], ['Admin'], ['Read', 'Admin']]) {
    rounds.add(refusalOf(await speak('read')(`POST ${TOKENS}`, { scopes })), refusalWith(denied('Write')), 'a Read token creates none')
  }
  t.strictSame(rounds.seen, rounds.expected)
  refused(t, await speak('write')(`POST ${TOKENS}`, { scopes: ['Admin'] }), denied('Admin'))
  refused(t, await speak('write')(`POST ${TOKENS}`, { scopes: ['Read'], owner: 'bob@acme.example' }), { status: 400, body: { detail: 'The description of the key is not valid.' } }, 'in nobody else’s name')
  const { key, send } = await create(speak('write'), ['Read', 'Write'])
  t.match(key, { owner: 'ada@acme.example', workspace: 'acme', environment: 'production' })
  t.equal((await send('POST /api/orders/', {})).statusCode, 201)

  const { secret } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['Admin'], owner: 'bob@acme.example' })
  const bob = as(app, secret)
  answered(t, await bob('GET /api/accounts/user-config/'), 200, { user: 'bob@acme.example', company: 'acme', permissions: ['Read'] }, 'whatever the token says')
  refused(t, await bob('POST /api/orders/', {}), denied('Write'))
})

t.test('… "Check your user role": it is checked while the token lives, every ten seconds', async (t) => {
  const { clock, people, speak } = await start(t)
  const admin = speak('admin')
  t.equal((await admin('POST /api/accounts/users/', {})).statusCode, 201)
  people.set('ada@acme.example', new Map([['acme', 'Read']]))
  clock.advance(10)
  refused(t, await admin('POST /api/accounts/users/', {}), denied('Admin'))
  refused(t, await admin('POST /api/orders/', {}), denied('Write'))
  refused(t, await admin(`POST ${TOKENS}`, { scopes: ['Read'] }), denied('Write'), 'nor does it hand out what its owner has lost')
  answered(t, await admin('GET /api/orders/'), 200, orders)
  people.set('ada@acme.example', new Map([['acme', 'Admin']]))
  clock.advance(10)
  t.equal((await admin('POST /api/accounts/users/', {})).statusCode, 201, 'and comes back with it')
})

t.test('… a user who is gone, or gone from the company, leaves dead tokens there', async (t) => {
  const { clock, people, speak } = await start(t)
  people.set('ada@acme.example', new Map([['globex', 'Write']]))
  clock.advance(10)
  const rounds = collectRounds()
  for (const name of ['read', 'write', 'admin']) rounds.add(refusalOf(await speak(name)('GET /api/orders/')), refusalWith(invalid), name)
  t.strictSame(rounds.seen, rounds.expected)
  answered(t, await speak('other-company')('GET /api/orders/'), 200, others)
  people.delete('ada@acme.example')
  clock.advance(10)
  refused(t, await speak('other-company')('GET /api/orders/'), invalid)
})

t.test('"If you have access to multiple companies/workspaces", "use the /accounts/workspaces/ endpoint to manage context"', async (t) => {
  const { people, create, speak } = await start(t)
  people.set('ada@acme.example', new Map([['acme', 'Admin'], ['globex', 'Write'], ['initech', 'Read']]))
  const write = speak('write')
  answered(t, await write('GET /accounts/workspaces/'), 200, [{ company: 'acme', current: true }, { company: 'globex', current: false }, { company: 'initech', current: false }])
  answered(t, await write(`GET ${TOKENS}/workspaces`), 200, [{ id: 'acme', current: true }, { id: 'globex', current: false }], 'where this token creates others')

  const { key, send } = await create(write, ['Write'], '?workspace=globex')
  t.equal(key.workspace, 'globex', '"Each token is associated with a specific company"')
  answered(t, await send('GET /api/orders/'), 200, others)
  refused(t, await send('GET /api/orders/order_1/'), { status: 404, body: { detail: 'There is nothing here.' } })
  const ids = async (query: string) => {
    const { keys }: { keys: ReadonlyArray<Issued['key']> } = (await write(`GET ${TOKENS}${query}`)).json()
    return keys.map(({ id }) => id)
  }
  t.ok((await ids('?workspace=globex')).includes(key.id), 'it is on the list of its company')
  t.notOk((await ids('')).includes(key.id), 'and on no other')
  refused(t, await write(`GET ${TOKENS}/${key.id}`), nowhere)
})

t.test('… and no token acts where its owner may do less than it, or nothing', async (t) => {
  const { speak } = await start(t)
  const admin = speak('admin')
  answered(t, await admin(`GET ${TOKENS}/workspaces`), 200, [{ id: 'acme', current: true }])
  const rounds = collectRounds()
  for (const company of ['globex', 'initech', '__proto__']) {
    rounds.add(refusalOf(await admin(`GET ${TOKENS}?workspace=${company}`)), refusalWith(nowhere), company)
    rounds.add(refusalOf(await admin(`POST ${TOKENS}?workspace=${company}`, { scopes: ['Read'] })), refusalWith(nowhere), company)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Click Revoke next to the token", "The token becomes immediately invalid": by the API', async (t) => {
  const { create, speak } = await start(t)
  const { key, send } = await create(speak('admin'), ['Admin'])
  answered(t, await send('GET /api/orders/'), 200, orders)
  refused(t, await speak('write')(`POST ${TOKENS}/${key.id}/revoke`, {}), denied('Admin'))
  const response = await speak('admin')(`POST ${TOKENS}/${key.id}/revoke`, { reason: 'leaked' })
  t.match(response.json(), { key: { id: key.id, status: 'revoked', revokedReason: 'leaked' }, effectiveWithin: 0 })
  refused(t, await send('GET /api/orders/'), invalid)
  refused(t, await speak('admin')(`PATCH ${TOKENS}/${key.id}`, { name: 'again' }), { status: 409, body: { detail: 'The key is not in the state that this change needs.' } }, 'for good')
})
