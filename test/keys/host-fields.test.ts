import { allowPlainHttp, type Principal } from 'fastify-latchkey'
import t, { type Test } from 'tap'
import { guarded, untyped } from '../helpers/limits.js'

/** What a handler sees as the principal of a key. */
async function answerOf (t: Test, fieldsOf?: (principal: Principal) => object) {
  const { app } = await guarded(t, { keys: { prefix: 'acme', fieldsOf }, resolvers: undefined, transport: allowPlainHttp }, (app) => {
    app.get('/', { schema: { security: [{ apiKey: [] }] } }, async ({ principal }) => ({
      principal, frozen: [principal, principal?.metadata].every(Object.isFrozen)
    }))
  })
  await app.ready()
  const { key, secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: [], name: 'CI', metadata: { team: 'a' } })
  const ask = () => app.inject({ url: '/', headers: { authorization: `Bearer ${secret}` } })
  return { app, key, ask }
}

t.test('a principal has the name and the metadata of its key', async (t) => {
  const { app, key, ask } = await answerOf(t)
  const answer = await ask()
  t.same([answer.statusCode, answer.json().frozen], [200, true])
  t.match(answer.json().principal, { name: 'CI', metadata: { team: 'a' } })
  await app.latchkey.keys.update('w1', key.id, { name: 'CD', metadata: { team: 'b' } })
  t.match((await ask()).json().principal, { name: 'CD', metadata: { team: 'b' } })
})

t.test('a host adds fields of its own, once for each state of a key', async (t) => {
  let calls = 0
  const { app, key, ask } = await answerOf(t, ({ metadata }) => { calls++; return { region: `region of ${metadata?.team}` } })
  const regions = [await ask(), await ask()].map((answer) => answer.json().principal.region)
  await app.latchkey.keys.update('w1', key.id, { metadata: { team: 'b' } })
  regions.push((await ask()).json().principal.region)
  t.same([regions, calls], [['region of a', 'region of a', 'region of b'], 2])
})

t.test('fields that would change what a key may do, and anything but an object at once, let nobody in', async (t) => {
  const wrong = [{ scopes: ['devices:manage'] }, { workspace: 'w2' }, { version: 9 }, Promise.resolve({}), null, 'text', undefined]
  const statuses: unknown[] = []
  for (const fields of wrong) {
    const { ask } = await answerOf(t, () => untyped(fields))
    const answer = await ask()
    statuses.push([answer.statusCode, answer.json().code, answer.headers['retry-after']])
  }
  t.same(statuses, wrong.map(() => [503, 'AUTHENTICATION_UNAVAILABLE', '1']))
})
