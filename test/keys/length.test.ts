import { crc32 } from 'node:zlib'
import { createKeys, createSecretFormat } from 'fastify-latchkey/keys'
import { InvalidCredential } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds, thrown } from '../helpers/collect.js'
import { keyStore } from '../helpers/key-store.js'
import { lookup } from '../helpers/lookup.js'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `body` with the checksum that makes it look genuine. */
function summed (body: string): string {
  let rest = crc32(body)
  let digits = ''
  for (let i = 0; i < 6; i++) {
    digits = ALPHABET.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return body + digits
}

t.test('a secret of any length but its own is not read, however good its checksum and whatever its prefix', async (t) => {
  const rounds = collectRounds()
  for (const prefix of ['ab', 'abc', 'acme', 'acmes', 'my_app', 'my_2nd_app', `x${'0'.repeat(31)}`]) {
    for (const tag of ['live', 'test', '1', 'x'.repeat(16)]) {
      const text = createSecretFormat(prefix, [tag])
      const start = `${prefix}_${tag}_`
      const read = Array.from({ length: 101 }, (_, length) => length).filter((length) => text.parse(summed(start + 'a'.repeat(length))) !== undefined)
      rounds.add(read, [43], start)
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a short text with a good checksum is refused without asking the store', async (t) => {
  const asked: string[] = []
  const store = keyStore({ findByHash (hash) { asked.push(hash); return undefined } })
  const { resolver } = createKeys({ prefix: 'acmes', store }, { clock: Date.now, scopes: [], deadline: 1 })
  const patterns = collectRounds()
  for (let length = 0; length < 43; length++) patterns.add(thrown(() => resolver.resolve(summed(`acmes_live_${'a'.repeat(length)}`), 0, lookup())), InvalidCredential)
  t.match(patterns.seen, patterns.expected)
  t.same(asked, [])
})
