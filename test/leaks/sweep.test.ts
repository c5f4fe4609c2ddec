import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { basic, header, type LatchkeyOptions } from 'fastify-latchkey'
import { start } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { deferred, keepLines, portOf } from '../helpers/doors.js'
import { findLeaks } from '../helpers/leaks/find.js'
import { canariesOf, createTarget, type Secrets } from '../helpers/leaks/target.js'
import { reached, sweep, type Present } from '../helpers/leaks/traffic.js'

async function sweepOver (t: Test, options: Partial<LatchkeyOptions>, guarded = true, present?: Present) {
  const log = keepLines()
  const { app, secrets, heard } = await createTarget({ level: 'trace', stream: log.stream }, options, guarded)
  t.teardown(() => app.close())
  const answers = await sweep(portOf(app.server), secrets, present)
  return { canaries: canariesOf(secrets), answers, log, heard }
}

function nothingShows (t: Test, { canaries, answers, log, heard }: Awaited<ReturnType<typeof sweepOver>>): void {
  t.strictSame(findLeaks(canaries, log.text), [], 'in the log')
  t.strictSame(findLeaks(canaries, answers.join('\n')), [], 'in answers')
  t.strictSame(findLeaks(canaries, JSON.stringify(heard)), [], 'in decisions and exposures')
}

t.test('no secret shows in any line, answer, decision or exposure', async (t) => {
  const swept = await sweepOver(t, {})
  nothingShows(t, swept)
  t.strictSame(reached(swept.answers).filter((one) => one.length > 3), [
    '400 BAD_REQUEST',
    '400 CREDENTIAL_MALFORMED',
    '400 FST_ERR_CTP_INVALID_JSON_BODY',
    '400 FST_ERR_VALIDATION',
    '401 CREDENTIAL_INVALID',
    '401 CREDENTIAL_MISSING',
    '403 COST_ABOVE_QUOTA',
    '403 INSUFFICIENT_SCOPE',
    '403 WRONG_ENVIRONMENT',
    '404 NOT_FOUND',
    '413 FST_ERR_CTP_BODY_TOO_LARGE',
    '414 URI_TOO_LONG',
    '415 FST_ERR_CTP_INVALID_MEDIA_TYPE',
    '429 RATE_LIMITED',
    '429 TOO_MANY_FAILURES',
    '431 HEADERS_TOO_LARGE',
    '503 AUTHENTICATION_UNAVAILABLE',
    '503 LIMITER_UNAVAILABLE'
  ], 'the sweep reached every refusal')
  const rounds = collectRounds()
  for (const status of ['101', '200', '500']) rounds.add(reached(swept.answers).includes(status), true, status)
  for (const msg of ['client error', 'access refused', 'incoming request', 'request completed', 'limits.onDecision failed', 'a listener of key.exposed failed', 'a handler failed']) {
    rounds.add(swept.log.entries.some((entry) => entry.msg === msg), true, msg)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(swept.heard.decisions.length > 20)
  t.ok(swept.heard.exposures.length > 0)
})

for (const errors of ['error', 'detail', 'error-message', 'throw'] as const) {
  t.test(`none shows with errors as ${errors}`, async (t) => {
    nothingShows(t, await sweepOver(t, { errors }))
  })
}

t.test('none shows where plain HTTP is refused and real keys are reported', async (t) => {
  const swept = await sweepOver(t, { transport: undefined })
  nothingShows(t, swept)
  t.ok(reached(swept.answers).includes('403 INSECURE_TRANSPORT'))
  t.match(swept.heard.exposures[0], { type: 'key.exposed', data: { key: { environment: 'production' } } })
})

const inOtherPlaces: Array<readonly [LatchkeyOptions['credentials'], Present]> = [
  [[header('x-acme')], (key) => `X-Acme: ${key}`],
  [[basic(), header('x-acme')], (key) => `Authorization: Basic ${Buffer.from(`${key}:`).toString('base64')}`]
]
for (const [credentials, present] of inOtherPlaces) {
  t.test(`none shows where keys come as ${present('<key>')}`, async (t) => {
    const swept = await sweepOver(t, { credentials }, true, present)
    nothingShows(t, swept)
    const rounds = collectRounds()
    for (const one of ['101', '200', '400 CREDENTIAL_MALFORMED', '401 CREDENTIAL_INVALID', '403 INSUFFICIENT_SCOPE', '429 RATE_LIMITED', '429 TOO_MANY_FAILURES', '503 AUTHENTICATION_UNAVAILABLE']) {
      rounds.add(reached(swept.answers).includes(one), true, one)
    }
    t.strictSame(rounds.seen, rounds.expected)
    t.match(swept.log.text, /"x-acme":"\[Redacted\]"/)
  })
}

t.test('none shows without limits of any kind, or with the scopes checked late', async (t) => {
  nothingShows(t, await sweepOver(t, { limits: false, failures: false }))
  nothingShows(t, await sweepOver(t, { hook: 'preHandler' }))
})

t.test('none shows on the standard output and error of a process with logger: true', async (t) => {
  const serve = fileURLToPath(new URL('../helpers/leaks/serve.js', import.meta.url))
  const child = start([process.execPath, serve])
  t.teardown(() => child.kill())
  const errors = text(child.stderr)
  const lines: string[] = []
  const announced = deferred<{ port: number, secrets: Secrets }>()
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('{"target":')) announced.resolve(JSON.parse(line).target)
    else lines.push(line)
  })
  const { port, secrets } = await announced.promise
  await sweep(port, secrets)
  child.kill()
  await once(child, 'close')
  t.strictSame(findLeaks(canariesOf(secrets), lines.join('\n') + await errors), [])
  t.ok(lines.some((line) => line.includes('client error')))
})

t.test('the control: the same sweep finds them where Fastify logs and answers by itself', async (t) => {
  const { canaries, answers, log } = await sweepOver(t, {}, false)
  const logged = findLeaks(canaries, log.text)
  const rounds = collectRounds()
  for (const leak of ['query as it is', 'fragment as it is', 'key reader as it is', 'key reader in bytes', 'handlerProperty as it is', 'handlerProperty in bytes', 'handlerCause as it is']) {
    rounds.add(logged.includes(leak), true, leak)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.ok(findLeaks(canaries, answers.join('\n')).includes('query as it is'))
})

t.test('what faults carry stays out of a plain Fastify\'s log too, even where it prints the thrown refusal', async (t) => {
  const { canaries, log } = await sweepOver(t, { errors: 'throw' }, false)
  t.match(log.text, '"type":"AccessError"')
  t.strictSame(findLeaks(canaries, log.text).filter((leak) => leak.startsWith('fault')), [])
})
