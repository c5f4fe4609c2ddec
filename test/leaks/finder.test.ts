import t from 'tap'
import { findLeaks } from '../helpers/leaks/find.js'
import { collectRounds } from '../helpers/collect.js'

const secret = 'k3y-Of-The-Kingdom-4711'
const find = (text: string) => findLeaks({ secret }, text)

t.test('a secret is found plainly, in any case, in part, and in an escape of JSON', async (t) => {
  const rounds = collectRounds()
  for (const text of [`x ${secret} y`, secret.toUpperCase(), secret.slice(3, 15), JSON.stringify(secret).replace('k', '\\u006b')]) {
    rounds.add(find(text).includes('secret as it is'), true, text)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a secret is found in what it was encoded to', async (t) => {
  const bytes = Buffer.from(`before ${secret} after`)
  t.ok(find([...secret].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')).includes('secret percent-encoded'))
  t.ok(find([...secret].reverse().join('')).includes('secret reversed'))
  t.ok(find(JSON.stringify({ rawPacket: bytes })).includes('secret in bytes'))
  t.ok(find(JSON.stringify({ a: bytes.toString('hex') })).includes('secret in hex'))
  const rounds = collectRounds()
  for (const encoding of ['base64', 'base64url'] as const) rounds.add(find(`"${bytes.toString(encoding)}"`).includes('secret in base64'), true)
  for (const before of ['', 'a', 'bc', 'def']) rounds.add(find(`${before}${Buffer.from(secret).toString('base64')}`).includes('secret in base64'), true)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('fewer than twelve characters are none, and nothing is found in what holds none', async (t) => {
  t.strictSame(find(secret.slice(0, 11)), [])
  t.strictSame(find('{"level":30,"msg":"incoming request","data":[1,2,3,4,5,6,7,8]}'), [])
})
