import t, { type Test } from 'tap'
import { build } from '../../examples/tiers-oauth.js'
import { fakeClock } from '../../lib/testing/index.js'
import { collectRounds } from '../helpers/collect.js'
import { answered, answerOf, answerWith, as, keyOf, type Voice } from '../helpers/contracts.js'

const DAY = 86_400
const https = { 'x-forwarded-proto': 'https' }
const resources = [{ id: 'resource_1', name: 'Report' }]

interface View { readonly id: string, readonly name?: string, readonly status: string, readonly rotateBy: string, readonly scopes: readonly string[] }
interface Page { readonly keys: readonly View[], readonly next?: string }
interface Rotated { readonly key: View, readonly secret: string, readonly effectiveWithin: number }

async function start (t: Test) {
  const clock = fakeClock()
  const { app, keys } = await build({ clock: clock.now, logger: { level: 'silent' } })
  t.teardown(() => app.close())
  await app.ready()
  const holder = (secret: string) => as(app, secret, https)
  return { app, clock, keys, holder, automation: holder(keyOf(keys, 'automation')) }
}

/**
 * What a host runs every day: asks for all keys, and rotates those that are due within `ahead` seconds. Its own is one of
 * them, and is used as it is then: a secret that retires hands out nothing that lives longer.
 */
async function rotateDue (holder: (secret: string) => Voice, secret: string, now: number, { ahead, grace }: { ahead: number, grace: number }): Promise<Map<string, Rotated>> {
  const rotated = new Map<string, Rotated>()
  let send = holder(secret)
  const own: { id: string } = (await send('GET /v1/key')).json()
  let query = '?limit=2'
  do {
    const { keys, next }: Page = (await send(`GET /v1/keys${query}`)).json()
    for (const { id, name = id, status, rotateBy } of keys) {
      if (status !== 'active' || Date.parse(rotateBy) - now > ahead * 1000) continue
      const response = await send(`POST /v1/keys/${id}/rotate`, { grace })
      if (response.statusCode !== 200) continue
      const done: Rotated = response.json()
      rotated.set(name, done)
      if (id === own.id) send = holder(done.secret)
    }
    query = next === undefined ? '' : `?limit=2&cursor=${next}`
  } while (query !== '')
  return rotated
}

t.test('"Rotate keys regularly (every 90 days)": each key says by when, and its rotation moves that on by ninety days', async (t) => {
  const { clock, holder, automation } = await start(t)
  const ninety = () => new Date(clock.now() + 90 * DAY * 1000).toISOString()
  const { keys }: Page = (await automation('GET /v1/keys')).json()
  t.equal(keys.length, 7)
  const rounds = collectRounds()
  for (const key of keys) rounds.add(key.rotateBy, ninety())
  t.strictSame(rounds.seen, rounds.expected)

  clock.advance(89 * DAY)
  const [id] = keys.filter(({ name }) => name === 'pro').map((key) => key.id)
  const response = await automation(`POST /v1/keys/${id}/rotate`, { grace: 0 })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.match(response.headers['ratelimit-policy'], '"pro";q=10000;w=3600', 'who rotates is counted like anybody')
  const { key, secret }: Rotated = response.json()
  t.match(key, { id, rotateBy: ninety(), tier: 'pro', scopes: ['resources:manage'], secrets: [{ generation: 1 }, { generation: 2 }] })
  answered(t, await holder(secret)('GET /v1/resources'), 200, resources)
})

t.test('"Implement a key rotation schedule using automation.": a script of the API alone, and no holder is ever locked out', async (t) => {
  const { clock, keys, holder } = await start(t)
  const names = ['free-read', 'free', 'pro', 'enterprise', 'enterprise-custom']
  const run = () => rotateDue(holder, held.get('automation') ?? '', clock.now(), { ahead: 7 * DAY, grace: DAY })
  const held = new Map([...names, 'automation'].map((name) => [name, keyOf(keys, name)]))
  const rotations: number[] = []

  const rounds = collectRounds()
  for (let day = 1; day <= 200; day++) {
    clock.advance(DAY)
    const before = new Map(held)
    const rotated = await run()
    for (const [name, { secret }] of rotated) held.set(name, secret)
    for (const name of names) {
      const next = await holder(held.get(name) ?? '')('GET /v1/resources')
      rounds.add(answerOf(next), answerWith(200, resources), `${name} on day ${day}`)
      rounds.add(next.headers['api-key-retires'], undefined)
    }
    if (rotated.size === 0) continue
    rotations.push(day)
    rounds.add([...rotated.keys()].sort(), [...held.keys()].sort(), 'all of them, itself too')
    const ends = new Date(clock.now() + DAY * 1000).toUTCString()
    for (const name of names) {
      const old = await holder(before.get(name) ?? '')('GET /v1/resources')
      rounds.add(answerOf(old), answerWith(200, resources), `${name}: the old one has a day`)
      rounds.add(old.headers['api-key-retires'], ends)
    }
    rounds.add((await run()).size, 0, 'a second run of the day finds nothing to do')
    clock.advance(DAY - 1)
    for (const secret of before.values()) rounds.add((await holder(secret)('GET /v1/key')).statusCode, 200, 'to the last second')
    clock.advance(1)
    for (const secret of before.values()) rounds.add((await holder(secret)('GET /v1/key')).statusCode, 401, 'and not longer')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(rotations, [83, 165], 'a week ahead of the ninety days; the clock went on a day with each')
})

t.test('… which rotates no key that may do more than it, and none of others', async (t) => {
  const { app, keys, automation, holder } = await start(t)
  const free = holder(keyOf(keys, 'free'))
  const { keys: [first] }: Page = (await automation('GET /v1/keys?limit=1')).json()
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const request of ['GET /v1/keys', `GET /v1/keys/${first?.id}`, `POST /v1/keys/${first?.id}/rotate`, `POST /v1/keys/${first?.id}/revoke`]) {
    const response = await free(request, request.startsWith('GET') ? undefined : {})
    rounds.add(response.statusCode, 403, request)
    patterns.add(response.json(), { code: 'INSUFFICIENT_SCOPE', granted: ['resources:manage'] })
    patterns.add(response.headers['content-type'], /^application\/problem\+json/)
  }
  const { secret } = await app.latchkey.keys.issue({ workspace: 'acme', scopes: ['api_keys:manage'], tier: 'pro' })
  const refusal = await holder(secret)(`POST /v1/keys/${first?.id}/rotate`, {})
  t.equal(refusal.statusCode, 403)
  t.match(refusal.json(), { code: 'INSUFFICIENT_SCOPE', granted: ['api_keys:manage'] })
  const { key: foreign } = await app.latchkey.keys.issue({ workspace: 'globex', scopes: ['resources:read'] })
  for (const id of [foreign.id, 'key_of_nobody']) {
    const unknown = await automation(`POST /v1/keys/${id}/rotate`, {})
    rounds.add(unknown.statusCode, 404)
    patterns.add(unknown.json(), { type: 'about:blank', status: 404, code: 'KEY_NOT_FOUND', detail: 'There is no such key.' })
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})
