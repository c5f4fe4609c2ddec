import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { root } from '../helpers/child.js'
import { vectors } from './vectors.js'
import { collectRounds } from '../helpers/collect.js'

/** Base62 by the place value of each digit, most significant first: not how the library writes it. */
function base62 (number: bigint, length: number): string {
  const digits = [...'0123456789', ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ', ...'abcdefghijklmnopqrstuvwxyz']
  return Array.from({ length }, (_, i) => digits[Number(number / 62n ** BigInt(length - 1 - i) % 62n)]).join('')
}

t.test('the vectors follow from the format as docs/keys.md describes it, without the library', async (t) => {
  const rounds = collectRounds()
  for (const { prefix, tag, secret, text, hash } of vectors) {
    const bytes = Buffer.from(secret, 'hex')
    const number = bytes.reduce((sum, byte, i) => sum + (BigInt(byte) << BigInt(8 * (31 - i))), 0n)
    const body = `${prefix}_${tag}_${base62(number, 43)}`
    rounds.add(bytes.length, 32)
    rounds.add(body + base62(BigInt(crc32(body)), 6), text)
    rounds.add(createHash('sha256').update(text, 'ascii').digest('base64url'), hash)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('docs/keys.md quotes the vectors, each whole and no others', async (t) => {
  const page = await readFile(join(root, 'docs/keys.md'), 'utf8')
  const quoted = [...page.matchAll(/^\| `(\w+)` \| `(\w+)` \| `([0-9a-f]{64})` \| `(\w+)` \| `([\w-]{43})` \|$/gm)].map(([, prefix, tag, secret, text, hash]) => ({ prefix, tag, secret, text, hash }))
  t.strictSame(quoted, vectors)
})
