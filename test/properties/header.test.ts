import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { basic, bearer, header } from 'fastify-latchkey'
import { MAX_TOKEN_LENGTH } from '../../lib/auth/header.js'
import { createCredentialReader } from '../../lib/auth/reader.js'
import '../helpers/seed.js'

type Verdict = 'none' | 'malformed' | 'too-long' | { token: string }

/**
 * The reference: a parser of the rules as they are written, a character at a time, that shares nothing with the library.
 *
 *   value       = scheme [ 1*SP token68 ]           ; RFC 9110 §11.4
 *   scheme      = "Bearer" in any case, else nobody's
 *   token68     = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 */
function reference (value: string): Verdict {
  const characters = [...value].flatMap((character) => character.split(''))
  for (const character of characters) {
    const octet = character.charCodeAt(0)
    if (octet !== 9 && (octet < 32 || octet > 126)) return 'malformed'
  }
  let at = 0
  const take = (accepts: (character: string) => boolean): string => {
    const from = at
    while (at < characters.length && accepts(characters[at] ?? '')) at++
    return characters.slice(from, at).join('')
  }
  for (const letter of 'bearer') {
    if (characters[at]?.toLowerCase() !== letter) return 'none'
    at++
  }
  if (take((character) => character === ' ') === '') return 'malformed'
  const body = take((character) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/'.includes(character))
  const padding = take((character) => character === '=')
  if (body === '' || at < characters.length) return 'malformed'
  return body.length + padding.length > 256 ? 'too-long' : { token: body + padding }
}

const readCredential = createCredentialReader([{ place: bearer(), maxLength: MAX_TOKEN_LENGTH, dpop: false }])

function verdictOf (presented: ReturnType<typeof readCredential>): Verdict {
  return presented.type === 'token' ? { token: presented.token } : presented.type
}

const token = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,20}={0,3}$/),
  fc.integer({ min: MAX_TOKEN_LENGTH - 3, max: MAX_TOKEN_LENGTH + 3 }).map((length) => 'k'.repeat(length)),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 })
)
const scheme = fc.oneof(fc.mixedCase(fc.constant('bearer')), fc.constantFrom('Bearer', 'Basic', 'Digest', 'Bear', 'Bearers', '', '\u0412earer', 'bearer\u017f', 'be\u0430rer', 'beare\u0155'), fc.string({ maxLength: 8 }))
const separator = fc.oneof(fc.constantFrom(' ', '  ', '', '\t', ' \t', '\u00a0', ',', '=', ':', '\r\n ', '\0'), fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 5 }))
const value = fc.oneof(
  fc.tuple(scheme, separator, token).map((parts) => parts.join('')),
  fc.tuple(scheme, separator, token, separator, token).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('B', 'e', 'a', 'r', 'R', ' ', '\t', '=', '.', 'k', ','), maxLength: 16 })
)

t.test('whatever the field value, the reader says what the grammar says', async (t) => {
  fc.assert(fc.property(value, (value) => {
    return isDeepStrictEqual(verdictOf(readCredential({ rawHeaders: ['Authorization', value] })), reference(value))
  }), { numRuns: 3000 })
  t.pass()
})

const name = fc.oneof(fc.mixedCase(fc.constant('authorization')), fc.constantFrom('Host', 'X-Authorization', 'authorizatiom', 'Proxy-Authorization', '__proto__', 'constructor', ''))
const lines = fc.array(fc.tuple(name, value), { maxLength: 5 })

t.test('whatever the header lines, none is nobody, one is read, and several are malformed', async (t) => {
  fc.assert(fc.property(lines, (lines) => {
    const values = lines.filter(([name]) => name.toLowerCase() === 'authorization').map(([, value]) => value)
    const [first] = values
    const expected = first === undefined ? 'none' : values.length > 1 ? 'malformed' : reference(first)
    return isDeepStrictEqual(verdictOf(readCredential({ rawHeaders: lines.flat() })), expected)
  }), { numRuns: 2000 })
  t.pass()
})

/** The same for a whole field value, and for Basic by the platform's own base64. */
function referenceOf (field: string, value: string): Verdict {
  if (field === 'x-api-key') return whole(value)
  if (!value.toLowerCase().startsWith('basic') || /[^\x20-\x7e\t]/.test(value)) return reference(value)
  const text = value.slice(5).replace(/^ +/, '')
  if (text.length === value.length - 5) return 'malformed'
  try {
    const pair = atob(text)
    return btoa(pair) === text && pair.endsWith(':') ? whole(pair.slice(0, -1)) : 'malformed'
  } catch {
    return 'malformed'
  }
}

function whole (value: string): Verdict {
  return value.startsWith(' ') ? 'malformed' : reference(`bearer ${value}`)
}

const anywhere = createCredentialReader([bearer(), basic(), header('x-api-key')].map((place) => ({ place, maxLength: MAX_TOKEN_LENGTH, dpop: false })))
const user = fc.tuple(token, fc.constantFrom(':', '', ':p', '::')).map((pair) => pair.join(''))
const basicValue = fc.tuple(fc.mixedCase(fc.constant('basic')), separator, fc.oneof(user.map((pair) => Buffer.from(pair).toString('base64')), user.map((pair) => Buffer.from(pair).toString('base64url')), token)).map((parts) => parts.join(''))
const places = fc.tuple(fc.oneof(name, fc.mixedCase(fc.constant('x-api-key'))), fc.oneof(value, basicValue, token))

t.test('whatever the lines, exactly one credential in one place is read', async (t) => {
  fc.assert(fc.property(fc.array(places, { maxLength: 4 }), (lines) => {
    const fields = lines.map(([name, value]) => [name.toLowerCase(), value] as const).filter(([name]) => ['authorization', 'x-api-key'].includes(name))
    const verdicts = fields.map(([name, value]) => referenceOf(name, value)).filter((verdict) => verdict !== 'none')
    const isTwofold = new Set(fields.map(([name]) => name)).size < fields.length || verdicts.length > 1
    return isDeepStrictEqual(verdictOf(anywhere({ rawHeaders: lines.flat() })), isTwofold ? 'malformed' : verdicts[0] ?? 'none')
  }), { numRuns: 3000 })
  t.pass()
})
