import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { platform } from '../helpers/platform.js'

interface Item { readonly name: string, readonly params: ReadonlyMap<string, number> }

/** A List of Strings with Integer parameters, by the grammar of structured fields (RFC 9651 §3.1, §3.1.2, §3.3.1, §3.3.3). */
function parseList (field: unknown): Item[] {
  if (typeof field !== 'string' || field === '') throw new TypeError('there is no list')
  return field.split(/[ \t]*,[ \t]*/).map((item) => {
    const parts = /^"([\x20\x21\x23-\x5b\x5d-\x7e]*)"((?: *;[a-z*][a-z0-9_.*-]*=-?\d{1,15})+)$/.exec(item)
    if (parts === null) throw new SyntaxError(item)
    const [, name = '', params = ''] = parts
    return { name, params: new Map([...params.matchAll(/;([^=]+)=(-?\d+)/g)].map(([, key = '', value]) => [key, Number(value)])) }
  })
}

const minute = { name: 'minute', quota: 3, window: 60 }
const burst = { name: 'burst', quota: 2, window: 1 }
const limits = { environments: { production: [minute, burst] } }

const fieldsOf = ({ headers }: { headers: Record<string, unknown> }) => ({ limit: parseList(headers.ratelimit), policy: parseList(headers['ratelimit-policy']) })

t.test('§3 RateLimit-Policy is a list of the policies that apply, each with its quota q and its window w in seconds', async (t) => {
  const { app, bearer } = await platform(t, { limits })
  const { policy } = fieldsOf(await app.inject({ url: '/devices', headers: bearer('reader') }))
  t.strictSame(policy, [{ name: 'minute', params: new Map([['q', 3], ['w', 60]]) }, { name: 'burst', params: new Map([['q', 2], ['w', 1]]) }])
})

t.test('§3 it is the same in every answer, admitted or not', async (t) => {
  const { app, bearer } = await platform(t, { limits })
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await app.inject({ url: '/devices', headers: bearer('reader') }))
  t.strictSame(answers.map(({ statusCode }) => statusCode), [200, 200, 429, 429, 429])
  t.equal(new Set(answers.map(({ headers }) => headers['ratelimit-policy'])).size, 1)
})

t.test('§4 RateLimit names the same policies, with what remains r and the seconds t until more comes', async (t) => {
  const { app, bearer, clock } = await platform(t, { limits })
  const send = () => app.inject({ url: '/devices', headers: bearer('reader') })
  const first = fieldsOf(await send())
  t.strictSame(first.limit, [{ name: 'minute', params: new Map([['r', 2], ['t', 60]]) }, { name: 'burst', params: new Map([['r', 1], ['t', 1]]) }])
  t.strictSame(first.limit.map(({ name }) => name), first.policy.map(({ name }) => name))
  clock.advance(10)
  t.strictSame(fieldsOf(await send()).limit[0], { name: 'minute', params: new Map([['r', 1], ['t', 50]]) })
})

t.test('§4 what remains is never negative, also in a refusal, and Retry-After never earlier than t', async (t) => {
  const { app, bearer } = await platform(t, { limits: { environments: { production: [minute] } } })
  const rounds = collectRounds()
  for (let i = 0; i < 6; i++) {
    const answer = await app.inject({ url: '/devices', headers: bearer('reader') })
    const [item] = fieldsOf(answer).limit
    rounds.add(item?.params.get('r'), Math.max(0, 2 - i))
    if (i >= 3) rounds.add(Number(answer.headers['retry-after']) >= Number(item?.params.get('t')), true)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§4 answers that were not counted carry no fields', async (t) => {
  const { app, bearer } = await platform(t, { limits })
  const rounds = collectRounds()
  for (const [url, headers] of [['/devices', {}], ['/devices', { authorization: 'Bearer unknown' }], ['/devices', bearer('sandbox')], ['/health', bearer('reader')], ['/nowhere', {}]] as const) {
    const answer = await app.inject({ url, headers })
    rounds.add([answer.headers.ratelimit, answer.headers['ratelimit-policy'], answer.headers['retry-after']], [undefined, undefined, undefined], `${url} ${answer.statusCode}`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§4 the budget of failures is one more policy, shown once it is used up', async (t) => {
  const { app, bearer } = await platform(t, { failures: { quota: 1, window: 60 } })
  await app.inject({ url: '/devices', headers: { authorization: 'Bearer unknown' } })
  t.match(fieldsOf(await app.inject({ url: '/devices', headers: bearer('reader') })).limit, [{ name: 'production' }], 'what is known to be good goes on')
  const { limit, policy } = fieldsOf(await app.inject({ url: '/devices', headers: { authorization: 'Bearer another' } }))
  t.match(limit, [{ name: 'failed-authentication' }])
  t.equal(limit[0]?.params.get('r'), 0)
  t.strictSame(policy, [{ name: 'failed-authentication', params: new Map([['q', 1], ['w', 60]]) }])
})
