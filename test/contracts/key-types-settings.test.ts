import t, { type Test } from 'tap'
import { build, keyTypes } from '../../examples/key-types.js'
import { contextOf } from '../../lib/core/access-context.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, challenges, keyOf, refusalOf, refusalWith, refused } from '../helpers/contracts.js'

const SETTINGS = '/settings/api-keys'
const routes = [
  `GET ${SETTINGS}`, `GET ${SETTINGS}/workspaces`, `GET ${SETTINGS}/caller`, `GET ${SETTINGS}/:id`, `POST ${SETTINGS}`,
  `PATCH ${SETTINGS}/:id`, `POST ${SETTINGS}/:id/rotate`, `POST ${SETTINGS}/:id/revoke`
]

const unauthorized = { error: 'unauthorized', message: 'Invalid or missing API key' }
const invalid = { status: 401, body: unauthorized, challenge: challenges.invalid }
const nowhere = { status: 404, body: { error: 'key_not_found', message: 'There is no such key.' } }

interface View { readonly id: string, readonly name?: string, readonly [field: string]: unknown }
interface Issued { readonly secret: string, readonly key: View }

async function start (t: Test) {
  const clock = fakeClock()
  const { app, keys } = await build({ clock: clock.now, logger: { level: 'silent' } })
  t.teardown(() => app.close())
  await app.ready()
  const signedIn = (session: string) => as(app, undefined, { 'x-session': session })
  return { app, clock, keys, ada: signedIn('demo-ada'), bela: signedIn('demo-bela'), signedIn }
}

t.test('this contract speaks of every route of the Settings, none of which a key opens', async (t) => {
  const { app, keys, signedIn } = await start(t)
  const settings = contextOf(app).routes.filter(({ method, url }) => method !== 'HEAD' && url.startsWith(SETTINGS))
  t.strictSame(settings.map(({ method, url }) => `${method} ${url}`).sort(), [...routes].sort())
  const rounds = collectRounds()
  for (const route of routes) {
    for (const send of [as(app), as(app, keyOf(keys, 'read-write')), signedIn(''), signedIn('__proto__')]) {
      rounds.add(refusalOf(await send(route, route.startsWith('GET') ? undefined : '{ not json')), refusalWith({ status: 401, body: unauthorized, challenge: challenges.missing }), route)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('"Find existing keys": all of the workspace, newest first, page by page, and no other', async (t) => {
  const { clock, ada, bela } = await start(t)
  const names: Array<string | undefined> = []
  let query = '?limit=1'
  for (let pages = 0; query !== '' && pages < 5; pages++) {
    const { keys, next }: { keys: readonly View[], next?: string } = (await ada(`GET ${SETTINGS}${query}`)).json()
    names.push(...keys.map(({ name }) => name))
    query = next === undefined ? '' : `?limit=1&cursor=${next}`
  }
  t.same([...names].sort(), ['read-only', 'read-write'], 'those of production, where the session belongs')
  clock.advance(1)
  t.equal((await ada(`POST ${SETTINGS}`, { name: 'report', scopes: keyTypes['read-only'] })).statusCode, 201)
  const { keys }: { keys: readonly View[] } = (await ada(`GET ${SETTINGS}`)).json()
  t.equal(keys.length, 3)
  t.match(keys[0], { name: 'report', owner: 'ada', workspace: 'acme', environment: 'production', status: 'active', scopes: keyTypes['read-only'], secrets: [{ generation: 1, hint: /^\w{4}$/ }] })
  t.match((await ada(`GET ${SETTINGS}/${keys[0]?.id}`)).json(), { name: 'report' })
  refused(t, await bela(`GET ${SETTINGS}/${keys[0]?.id}`), nowhere, 'a key of another workspace')
  refused(t, await ada(`GET ${SETTINGS}?workspace=globex`), nowhere)
  answered(t, await bela(`GET ${SETTINGS}/workspaces`), 200, [{ id: 'globex', current: true }])
})

t.test('"… or create new ones": of either type, shown once', async (t) => {
  const { app, ada } = await start(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [name, scopes] of Object.entries(keyTypes)) {
    const response = await ada(`POST ${SETTINGS}`, { name, scopes })
    rounds.add(response.statusCode, 201)
    rounds.add(response.headers['cache-control'], 'no-store')
    const { key, secret }: Issued = response.json()
    rounds.add(String((await ada(`GET ${SETTINGS}`)).payload).includes(secret.slice(-49)), false)
    rounds.add(answerOf(await as(app, secret)('GET /v1/workspace')), answerWith(200, { id: 'acme' }))
    patterns.add((await ada(`PATCH ${SETTINGS}/${key.id}`, { name: 'renamed' })).json(), { key: { name: 'renamed', version: 2 } })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  refused(t, await ada(`POST ${SETTINGS}`, { name: 'report', scopes: ['reports:write'] }), {
    status: 400,
    body: { error: 'key_input_invalid', message: 'The description of the key is not valid.' }
  })
})

t.test('"Rotate keys in FloKit → Settings → API Keys. After rotation, the previous key is immediately invalidated."', async (t) => {
  const { app, clock, ada, bela } = await start(t)
  const { key, secret }: Issued = (await ada(`POST ${SETTINGS}`, { scopes: keyTypes['read-write'] })).json()
  const before = as(app, secret)
  answered(t, await before('GET /v1/workspace'), 200, { id: 'acme' })
  refused(t, await bela(`POST ${SETTINGS}/${key.id}/rotate`, {}), nowhere, 'nobody else rotates it')
  answered(t, await before('GET /v1/workspace'), 200, { id: 'acme' })

  refused(t, await ada(`POST ${SETTINGS}/${key.id}/rotate`), { status: 415, body: { error: 'unsupported_media_type', message: 'The body of the request must be application/json.' } }, 'nor the form of another site')
  answered(t, await before('GET /v1/workspace'), 200, { id: 'acme' })

  const rotated: Issued = (await ada(`POST ${SETTINGS}/${key.id}/rotate`, {})).json()
  t.match(rotated, { effectiveWithin: 0, key: { id: key.id, version: 2, scopes: keyTypes['read-write'], secrets: [{ retiresAt: new Date(clock.now()).toISOString() }, { generation: 2 }] } })
  refused(t, await before('GET /v1/workspace'), invalid, 'at the same instant')
  refused(t, await before('POST /v1/events', { type: 'login' }), invalid)
  answered(t, await as(app, rotated.secret)('POST /v1/events', { type: 'login' }), 202, { type: 'login', id: 'event_101' })

  const revoked = await ada(`POST ${SETTINGS}/${key.id}/revoke`, { reason: 'not needed' })
  t.match(revoked.json(), { key: { status: 'revoked', revokedReason: 'not needed' } })
  refused(t, await as(app, rotated.secret)('GET /v1/workspace'), invalid, 'revoked')
  refused(t, await ada(`POST ${SETTINGS}/${key.id}/rotate`, {}), { status: 409, body: { error: 'key_conflict', message: 'The key is not in the state that this change needs.' } })
})
