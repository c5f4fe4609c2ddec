import { createKeys } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'

const { keys } = createKeys({ prefix: 'acme' }, { clock: fakeClock().now, scopes: [], deadline: 1 })

t.test('no control character of ASCII or Latin-1 gets into a key, wherever it stands', async (t) => {
  const codes = [...Array.from({ length: 0x20 }, (_, code) => code), ...Array.from({ length: 0x21 }, (_, code) => 0x7f + code)]
  const patterns = collectRounds()
  for (const field of ['workspace', 'name', 'owner', 'tier']) {
    for (const code of codes) {
      const control = String.fromCharCode(code)
      for (const value of [control, `${control}a`, `a${control}b`, `a${control}`]) {
        patterns.add(await rejection(keys.issue({ workspace: 'w1', scopes: [], [field]: value })), { code: 'KEY_INPUT_INVALID', statusCode: 400, detail: /without control characters/ }, `${field} U+${code.toString(16)}`)
      }
    }
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('words of any script are kept as they are', async (t) => {
  const rounds = collectRounds()
  for (const word of ['Zoë', '名前', 'ключ', '🔑', 'a b', '"quoted"', '\u00a0', 'x'.repeat(256)]) {
    const { key } = await keys.issue({ workspace: word, scopes: [], name: word, owner: word, tier: word })
    rounds.add([key.workspace, key.name, key.owner, key.tier], [word, word, word, word])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('half a surrogate pair is no character', async (t) => {
  const patterns = collectRounds()
  for (const field of ['workspace', 'name', 'owner', 'tier']) {
    for (const value of ['\ud800', 'a\udfff', '\udd11\ud83d', '\ud83d\ud83d\udd11']) {
      patterns.add(await rejection(keys.issue({ workspace: 'w1', scopes: [], [field]: value })), { code: 'KEY_INPUT_INVALID', statusCode: 400 }, field)
    }
  }
  t.match(patterns.seen, patterns.expected)
})
