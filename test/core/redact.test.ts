import fc from 'fast-check'
import t from 'tap'
import { pathOf, redact, redactLine, redactSecret } from '../../lib/core/redact.js'
import { collectRounds } from '../helpers/collect.js'
import '../helpers/seed.js'

const key = `acme_live_${'aB3'.repeat(14)}x${'c9Q'.repeat(2)}`

t.test('keys are cut after their tag, whole or in part, anywhere in a text', async (t) => {
  t.equal(redact(`no ${key} here`), 'no acme_live_… here')
  t.equal(redact(`no ${key.slice(0, -20)} here`), 'no acme_live_… here')
  t.equal(redact(`(${key.replaceAll('_', '%5F')})`), '(acme%5Flive%…)')
  t.equal(redact(`secret ${key.slice(-49)}`), 'secret …')
})

t.test('JSON Web Tokens and credentials after their scheme are cut', async (t) => {
  t.equal(redact('jwt eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln bad'), 'jwt … bad')
  t.equal(redact('authorization: bearer  abcdefgh-ijklmnop== bad'), 'authorization: bearer … bad')
  t.equal(redact('Basic dXNlcjpwYXNzd29yZA=='), 'Basic …')
  t.equal(redact('DPoP dXNlcjpwYXNzd29yZA'), 'DPoP …')
  t.equal(redact('X-Api-Key: old-secret-0123456789 bad'), 'X-Api-Key: … bad')
  t.equal(redactLine('{"raw":["x-api-key","old-secret-0123456789"],"apikey":"old-secret-0123456789"}'), '{"raw":["x-api-key","…"],"apikey":"…"}')
})

t.test('queries, fragments and user information of URLs are cut', async (t) => {
  t.equal(redact('Route GET:/x?api_key="a b not found'), 'Route GET:/x?… b not found')
  t.equal(redact('Route OPTIONS:*?k=v not found'), 'Route OPTIONS:*?… not found')
  t.equal(redact('at /x#token=1 now'), 'at /x#… now')
  t.equal(redact('connect redis://app:hunter2@cache:6379 failed'), 'connect redis://…@cache:6379 failed')
})

t.test('text that operators need stays', async (t) => {
  const rounds = collectRounds()
  for (const text of [
    'key_0b4cbd3c-9f26-4f5a-8ff0-3a4f3a8be7f1: The API key was revoked.',
    'trace 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'commit 4177a70d1c5ff1b8a6e1f0b0a2a7a8b9c0d1e2f3',
    'Bearer realm="api", error="invalid_token"',
    'issue #12, basic authentication, private #field at Foo.#bar; why? because',
    'GET https://example.com:8080/a/b;c=d'
  ]) rounds.add(redact(text), text)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a path is what comes before query, fragment and parameters, without what looks like a key', async (t) => {
  t.equal(pathOf('/a/b'), '/a/b')
  t.equal(pathOf('/a?k=v#f'), '/a')
  t.equal(pathOf('/a#f?k'), '/a')
  t.equal(pathOf('/a;k=v'), '/a')
  t.equal(pathOf(`/keys/${key}/x`), '/keys/acme_live_…/x')
  t.equal(pathOf('http://user:secret@host/a?b'), 'http://…@host/a')
})

t.test('a secret is removed from text that quotes it', async (t) => {
  t.equal(redactSecret('short.token is bad: short.token', 'short.token'), '… is bad: …')
})

t.test('a redacted line of JSON is still one line of JSON', async () => {
  const piece = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('/x?', '?k=\\"', '#', '//u:p"@h', 'Bearer ', key, '\\', '"', '\n', 'eyJ'))
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
  fc.assert(fc.property(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.array(text))), (entry) => {
    const line = redactLine(JSON.stringify(entry))
    return typeof JSON.parse(line) === 'object' && !line.includes('\n')
  }))
})

t.test('the query is cut from a line of JSON to the end of the word, also across escapes', async (t) => {
  const scrubbed = redactLine(JSON.stringify({ a: '/x?k="\\secret\\n', b: 'at /y?s\n  at /z', c: 1 }))
  t.same(JSON.parse(scrubbed), { a: '/x?…', b: 'at /y?…\n  at /z', c: 1 })
})

t.test('no key stays in a text, whatever is around it', async () => {
  const around = fc.string({ unit: fc.constantFrom('/', '?', '#', '"', ' ', '=', '%', '_', '-', '.', 'a', '9', '\\') })
  fc.assert(fc.property(around, around, (before, after) => {
    for (const shown of [redact(before + key + after), redactLine(JSON.stringify(before + key + after)), pathOf(before + key + after)]) {
      for (let at = key.length - 49; at + 12 <= key.length; at++) if (shown.includes(key.slice(at, at + 12))) return false
    }
    return true
  }))
})

t.test('long hostile text takes linear time', async (t) => {
  const rounds = collectRounds()
  for (const unit of ['/', 'eyJ-', 'eyJ.', '_a', '?', '? ', 'bearer ', '//a', '\\', 'a#', `${'a'.repeat(42)}-`, '_a_bbbb']) {
    const text = unit.repeat(200_000 / unit.length)
    const start = performance.now()
    redact(text)
    redactLine(text)
    rounds.add(performance.now() - start < 500, true, `${unit.slice(0, 8)} repeated`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
