import { STATUS_CODES } from 'node:http'
import t from 'tap'
import { AccessError, refusals, type RefusalCode } from 'fastify-latchkey'
import { render, renderers } from '../../lib/core/error-formats.js'
import { collectRounds } from '../helpers/collect.js'
import { platform } from '../helpers/platform.js'

const isCode = (code: string): code is RefusalCode => Object.hasOwn(refusals, code)
const codes = Object.keys(refusals).filter(isCode)
const problemOf = (error: AccessError) => {
  const { text, type } = render(renderers.problem, error)
  return { type, problem: JSON.parse(text) }
}

const { app, bearer } = await platform(t)
const refused = await Promise.all([
  app.inject('/devices'),
  app.inject('/nowhere'),
  app.inject({ url: '/devices', headers: { authorization: 'Bearer' } }),
  app.inject({ url: '/devices', headers: { authorization: 'Bearer unknown' } }),
  app.inject({ url: '/devices', headers: bearer('expired') }),
  app.inject({ url: '/devices', headers: bearer('other') }),
  app.inject({ url: '/devices', headers: bearer('sandbox') }),
  app.inject({ url: '/heavy', headers: bearer('reader') })
])

t.test('§3 a problem is application/problem+json', async (t) => {
  const rounds = collectRounds()
  for (const { headers } of refused) rounds.add(headers['content-type'], 'application/problem+json; charset=utf-8')
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1.1 and §4.2.1 type is about:blank: the status says what kind of problem it is', async (t) => {
  const rounds = collectRounds()
  for (const answer of refused) rounds.add(answer.json().type, 'about:blank')
  for (const code of codes) rounds.add(problemOf(new AccessError(code)).problem.type, 'about:blank')
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1.2 status is the status of the response', async (t) => {
  const rounds = collectRounds()
  for (const answer of refused) rounds.add(answer.json().status, answer.statusCode)
  for (const code of codes) rounds.add(problemOf(new AccessError(code)).problem.status, refusals[code].statusCode)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1.3 and §4.2.1 title is the phrase of the status', async (t) => {
  const rounds = collectRounds()
  for (const code of codes) rounds.add(problemOf(new AccessError(code)).problem.title, STATUS_CODES[refusals[code].statusCode])
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('§3.1.4 detail is about this occurrence, and for people', async (t) => {
  const patterns = collectRounds()
  for (const answer of refused) patterns.add(answer.json().detail, /^[A-Z].*\.$/)
  t.match(patterns.seen, patterns.expected)
  t.equal(problemOf(new AccessError('CREDENTIAL_INVALID', { detail: 'The key has expired.' })).problem.detail, 'The key has expired.')
})

t.test('§3.2 extensions are names of at least three letters, digits and underscores, from a letter', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const answer of refused) {
    const { type: _type, status: _status, title: _title, detail: _detail, ...extensions } = answer.json()
    rounds.add(Boolean(Object.hasOwn(extensions, 'code')), true)
    for (const name of Object.keys(extensions)) patterns.add(name, /^[A-Za-z][A-Za-z0-9_]{2,}$/)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('§3.2 what was required and what was granted are extensions of insufficient scope, both environments of the wrong one', async (t) => {
  t.match((await app.inject({ url: '/devices', headers: bearer('other') })).json(), { code: 'INSUFFICIENT_SCOPE', required: [['devices:read']], granted: ['reports:read'] })
  t.match((await app.inject({ url: '/devices', headers: bearer('sandbox') })).json(), { code: 'WRONG_ENVIRONMENT', credentialEnvironment: 'sandbox', hostEnvironment: 'production' })
})

t.test('§5 a problem shows nothing internal: no reason, no stack, no credential', async (t) => {
  const rounds = collectRounds()
  for (const code of codes) {
    const { problem } = problemOf(new AccessError(code, { reason: 'ECONNREFUSED 10.0.0.1' }))
    rounds.add(Object.keys(problem).sort(), ['code', 'detail', 'status', 'title', 'type'])
    rounds.add(String(JSON.stringify(problem)).includes('ECONNREFUSED'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
