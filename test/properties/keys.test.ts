import fc from 'fast-check'
import { createKeys, createSecretFormat, formatSecret, hashSecret } from 'fastify-latchkey/keys'
import { InvalidCredential } from 'fastify-latchkey'
import t from 'tap'
import { keyStore } from '../helpers/key-store.js'
import { lookup } from '../helpers/lookup.js'
import '../helpers/seed.js'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const prefix = fc.stringMatching(/^[a-z][a-z0-9_]{0,30}[a-z0-9]$/)
const tag = fc.stringMatching(/^[a-z0-9]{1,16}$/)
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })

t.test('what is written is read back, for every prefix, tag and secret', async () => {
  fc.assert(fc.property(prefix, fc.uniqueArray(tag, { minLength: 1, maxLength: 4 }), secret, (prefix, tags, bytes) => {
    const text = createSecretFormat(prefix, tags)
    return tags.every((tag) => {
      const key = formatSecret(prefix, tag, bytes)
      return text.parse(key)?.tag === tag && key.length === `${prefix}_${tag}_`.length + 49 && new RegExp(text.pattern).exec(` ${key} `)?.[0] === key
    })
  }), { numRuns: 300 })
})

t.test('different secrets have different texts and hashes', async () => {
  fc.assert(fc.property(secret, secret, (one, other) => {
    const same = Buffer.compare(one, other) === 0
    const [a, b] = [one, other].map((bytes) => formatSecret('acme', 'live', bytes))
    return (a === b) === same && (hashSecret(a ?? '') === hashSecret(b ?? '')) === same
  }))
})

t.test('every changed character and every swap of neighbours is refused, and no store is asked', async (t) => {
  let asked = 0
  const store = keyStore({ findByHash () { asked++; return undefined } })
  const { resolver } = createKeys({ prefix: 'my_app', store }, { clock: Date.now, scopes: [], deadline: 1 })
  const refuses = (token: string): boolean => {
    try {
      return resolver.resolve(token, 0, lookup()) === undefined
    } catch (fault) {
      return fault instanceof InvalidCredential && fault.detail === undefined
    }
  }
  fc.assert(fc.property(fc.constantFrom('live', 'test'), secret, (tag, bytes) => {
    const key = formatSecret('my_app', tag, bytes)
    for (let i = 0; i < key.length; i++) {
      for (const character of `${ALPHABET}_-.~+/=`) {
        if (character !== key[i] && !refuses(key.slice(0, i) + character + key.slice(i + 1))) return false
      }
      const swapped = key.slice(0, i) + (key[i + 1] ?? '') + (key[i] ?? '') + key.slice(i + 2)
      if (swapped !== key && !refuses(swapped)) return false
      if (!refuses(key.slice(0, i) + key.slice(i + 1))) return false
    }
    return true
  }), { numRuns: 20 })
  t.equal(asked, 0)
  t.equal(refuses(formatSecret('my_app', 'live', new Uint8Array(32))), true)
  t.equal(asked, 1, 'a key that could be one is looked for')
})

t.test('text of any kind is no key', async () => {
  const text = createSecretFormat('acme', ['live'])
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (noise) => text.parse(noise) === undefined && text.parse(`acme_live_${noise}`) === undefined))
})
