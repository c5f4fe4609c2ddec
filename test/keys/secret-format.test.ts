import { createHash } from 'node:crypto'
import { createSecretFormat, formatSecret, hashSecret } from 'fastify-latchkey/keys'
import t from 'tap'
import { vectors } from './vectors.js'
import { collectRounds, thrown } from '../helpers/collect.js'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** CRC-32 bit by bit, as ISO-HDLC writes it down: another way than the library's. */
function crc32 (text: string): number {
  let crc = 0xffffffff
  for (const byte of Buffer.from(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

function base62 (digits: string): bigint {
  return [...digits].reduce((sum, digit) => sum * 62n + BigInt(ALPHABET.indexOf(digit)), 0n)
}

t.test('the test vectors of docs/keys.md hold', async (t) => {
  t.equal(crc32('123456789'), 0xcbf43926, 'the check value of CRC-32/ISO-HDLC')
  t.equal(vectors.length, 3)
  const rounds = collectRounds()
  for (const { prefix, tag, secret, text, hash } of vectors) {
    rounds.add(formatSecret(prefix, tag, Buffer.from(secret, 'hex')), text)
    rounds.add(hashSecret(text), `sha256:${hash}`)
    rounds.add(createHash('sha256').update(text).digest('base64url'), hash)
    rounds.add(base62(text.slice(-49, -6)), BigInt(`0x${secret}`), 'the secret, most significant digit first')
    rounds.add(base62(text.slice(-6)), BigInt(crc32(text.slice(0, -6))), 'the checksum of all before it')
    rounds.add(createSecretFormat(prefix, [tag]).parse(text), { tag, hint: text.slice(-49, -45) })
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a secret has 32 bytes', async (t) => {
  const patterns = collectRounds()
  for (const length of [0, 31, 33]) {
    patterns.add(thrown(() => formatSecret('acme', 'live', new Uint8Array(length))), { name: 'RangeError', message: `a secret has 32 bytes, not ${length}` })
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('keys are random, of the tag that was asked for, and are read back', async (t) => {
  const text = createSecretFormat('acme', ['live', 'test'])
  const made = new Set(Array.from({ length: 100 }, () => text.generate('test')))
  t.equal(made.size, 100)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const one of made) {
    patterns.add(one, /^acme_test_[0-9A-Za-z]{49}$/)
    rounds.add(text.parse(one)?.tag, 'test')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a key is read by position from the right, so prefixes may hold underscores, digits and tags', async (t) => {
  const rounds = collectRounds()
  for (const prefix of ['a1', 'acme', 'acme_live', 'a_b_c_1', 'live_live', 'x0123456789_0123456789_01234567z']) {
    const text = createSecretFormat(prefix, ['live', 'live2', '1'])
    for (const tag of ['live', 'live2', '1']) {
      const key = text.generate(tag)
      rounds.add(text.parse(key)?.tag, tag, key)
      rounds.add(text.claims(key), true)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  const inner = createSecretFormat('acme', ['live'])
  const outer = createSecretFormat('acme_live', ['live'])
  t.equal(inner.claims(outer.generate('live')), true, 'begins like a key of acme')
  t.equal(inner.parse(outer.generate('live')), undefined, 'and is none')
  t.equal(outer.parse(inner.generate('live')), undefined)
})

t.test('what no key can look like is not read, however good its checksum', async (t) => {
  const text = createSecretFormat('acme', ['live', 'test'])
  const key = text.generate('live')
  const summed = (body: string): string => {
    let rest = crc32(body)
    let digits = ''
    for (let i = 0; i < 6; i++) {
      digits = ALPHABET.charAt(rest % 62) + digits
      rest = Math.floor(rest / 62)
    }
    return body + digits
  }
  const body = key.slice(0, -6)
  t.equal(summed(body), key)
  const wrong = {
    'another tag': summed(body.replace('_live_', '_prod_')),
    'no tag': summed(body.replace('_live_', '_')),
    'an empty tag': summed(body.replace('_live_', '__')),
    'a tag in capitals': summed(body.replace('_live_', '_LIVE_')),
    'a digit less': summed(body.slice(0, -1)),
    'a digit more': summed(`${body}0`),
    'a character outside base62': summed(`${body.slice(0, -1)}-`),
    'a character outside ASCII': summed(`${body.slice(0, -1)}é`),
    'only a prefix': 'acme_',
    'only prefix and tag': 'acme_live_',
    'nothing before the checksum': summed('acme_live_'),
    'a space behind': `${key} `,
    'a line behind': `${key}\n`,
    nothing: '',
  }
  const rounds = collectRounds()
  for (const [what, one] of Object.entries(wrong)) rounds.add(text.parse(one), undefined, what)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('prefixes and tags that no key could hold are refused at boot', async (t) => {
  const patterns = collectRounds()
  for (const prefix of ['', 'a', 'A', 'Acme', '1acme', '_acme', 'acme_', 'ac-me', 'ac me', 'acmé', 'a'.repeat(33), 'acme\n', 'a.c']) {
    patterns.add(thrown(() => createSecretFormat(prefix, ['live'])), { name: 'OptionError', message: /option keys\.prefix must be 2 to 32 lower-case letters/ }, JSON.stringify(prefix))
  }
  for (const tag of ['', 'Live', 'li_ve', 'li-ve', 'a'.repeat(17), 'live\n', '__proto__', '.*']) {
    patterns.add(thrown(() => createSecretFormat('acme', [tag])), { name: 'OptionError', message: /option keys\.tags has .*; a tag is 1 to 16 lower-case letters and digits/ }, JSON.stringify(tag))
  }
  t.match(patterns.seen, patterns.expected)
  t.throws(() => createSecretFormat('acme', []), { name: 'OptionError', message: /option keys\.tags must name at least one tag/ })
})

t.test('the pattern for scanners finds the keys of this prefix inside text, and nothing else', async (t) => {
  const text = createSecretFormat('my_app', ['live', 'test'])
  t.equal(text.pattern.flags, '')
  t.equal(text.pattern.source, '\\bmy_app_(?:live|test)_[0-9A-Za-z]{49}\\b')
  const keys = ['live', 'test', 'live'].map((tag) => text.generate(tag))
  const found = (from: string): string[] => [...from.matchAll(new RegExp(text.pattern, 'g'))].map(([one]) => one)
  const [a = '', b = '', c = ''] = keys
  t.same(found(`KEY=${a}\n{"key":"${b}"} curl -H 'Authorization: Bearer ${c}'`), keys)
  const rounds = collectRounds()
  for (const around of ['"', "'", '`', ' ', '\t', '\n', '/', '=', '&', ',', ';', '<', '(', '-', '.', ':']) rounds.add(found(`${around}${a}${around}`), [a], JSON.stringify(around))
  t.same(found(a), [a])
  const foreign = [
    createSecretFormat('app', ['live']).generate('live'),
    createSecretFormat('not_my_app', ['live']).generate('live'),
    createSecretFormat('my_app_live', ['live']).generate('live'),
    createSecretFormat('my_app', ['prod']).generate('prod'),
    `x${a}`, `${a}x`, a.slice(0, -1), a.toUpperCase(), 'my_app_live_', `my_app_live_${'-'.repeat(49)}`, `sk_live_${'a'.repeat(49)}`,
  ]
  for (const one of foreign) rounds.add(found(` ${one} `), [], one)
  t.strictSame(rounds.seen, rounds.expected)
})
