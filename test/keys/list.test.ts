import fc from 'fast-check'
import type { ListInput } from 'fastify-latchkey/keys'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { keyring } from '../helpers/keyring.js'
import { untyped } from '../helpers/limits.js'
import '../helpers/seed.js'

t.test('pages follow each other, newest first, and end', async (t) => {
  const { keys, clock } = keyring(t)
  const ids: string[] = []
  for (let i = 0; i < 7; i++) {
    ids.unshift((await keys.issue({ workspace: 'w1', scopes: [] })).key.id)
    clock.advance(1)
  }
  await keys.issue({ workspace: 'w2', scopes: [] })
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const { keys: page, next } = await keys.list('w1', { limit: 3, cursor })
    pages.push(page.map(({ id }) => id))
    cursor = next
  } while (cursor !== undefined)
  t.same(pages, [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)])
  t.same((await keys.list('w1')).keys.map(({ id }) => id), ids)
  t.same(Object.keys(await keys.list('w1')), ['keys'])
})

t.test('fifty to a page, two hundred at most', async (t) => {
  const { keys } = keyring(t)
  for (let i = 0; i < 201; i++) await keys.issue({ workspace: 'w1', scopes: [] })
  t.equal((await keys.list('w1')).keys.length, 50)
  t.equal((await keys.list('w1', { limit: 200 })).keys.length, 200)
})

t.test('by owner and by environment', async (t) => {
  const { keys } = keyring(t)
  const issue = async (more: object) => (await keys.issue({ workspace: 'w1', scopes: [], ...more })).key.id
  const [mine, sandbox] = [await issue({ owner: 'u1' }), await issue({ owner: 'u2', environment: 'sandbox' })]
  t.same((await keys.list('w1', { owner: 'u1' })).keys.map(({ id }) => id), [mine])
  t.same((await keys.list('w1', { environment: 'sandbox' })).keys.map(({ id }) => id), [sandbox])
  t.same((await keys.list('w1', { environment: 'sandbox', owner: 'u1' })).keys, [])
  t.same((await keys.list('w3')).keys, [])
})

t.test('a cursor is the `next` of a page and nothing else', async (t) => {
  const { keys } = keyring(t)
  for (let i = 0; i < 3; i++) await keys.issue({ workspace: 'w1', scopes: [] })
  const { next = '' } = await keys.list('w1', { limit: 1 })
  t.match(next, /^[\w-]+$/)
  const cursor = (text: string) => Buffer.from(text).toString('base64url')
  const bad = ['', 'x', '{}', `${next}=`, ` ${next}`, next.slice(0, -2), cursor('1'), cursor('1.'), cursor('.key'), cursor('01.key'), cursor('1e3.key'), cursor('-1.key'), cursor('NaN.key'), cursor('9999999999999999.key'), cursor('1.k\0y'), cursor(`1.${'k'.repeat(257)}`)]
  const patterns = collectRounds()
  for (const one of bad) patterns.add(await rejection(keys.list('w1', { cursor: one })), { code: 'KEY_INPUT_INVALID', detail: 'cursor must be `next` of the page before' }, one)
  t.match(patterns.seen, patterns.expected)
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
    return Object(await rejection(keys.list('w1', { cursor: text }))).code === 'KEY_INPUT_INVALID'
  }))
  t.same((await keys.list('w1', { cursor: cursor('1.key') })).keys, [], 'one of another workspace finds what is here')
})

t.test('what is no page is refused', async (t) => {
  const { keys } = keyring(t)
  const rows: Array<[unknown, RegExp]> = [
    ...[0, 201, 1.5, NaN, '10', null].map((limit): [unknown, RegExp] => [{ limit }, /^limit must be a whole number from 1 to 200, not /]),
    [{ cursor: 1 }, /^cursor must be `next` of the page before, not 1/],
    [{ owner: '' }, /^owner must be an owner of 1 to/],
    [{ environment: 7 }, /^environment must be an environment of 1 to/],
    [{ workspace: 'w2' }, /^"workspace" is not a field of a key/]
  ]
  const patterns = collectRounds()
  for (const [page, detail] of rows) patterns.add(await rejection(keys.list('w1', untyped<ListInput>(page))), { code: 'KEY_INPUT_INVALID', statusCode: 400, detail })
  for (const workspace of ['', undefined, 'a\0b', {}]) patterns.add(await rejection(keys.list(untyped(workspace))), { code: 'KEY_INPUT_INVALID', detail: 'workspace must be the name of a workspace' })
  t.match(patterns.seen, patterns.expected)
})

t.test('neither a list nor a key holds a secret or a hash', async (t) => {
  const { keys } = keyring(t)
  const { key, secret } = await keys.issue({ workspace: 'w1', scopes: [] })
  const rotated = await keys.rotate('w1', key.id)
  const shown = JSON.stringify([await keys.list('w1'), await keys.get('w1', key.id)])
  const rounds = collectRounds()
  for (const one of [secret, rotated.secret]) {
    rounds.add(String(shown).includes(one.slice(-49)), false)
    rounds.add(String(shown).includes(one.slice(-49).slice(0, 5)), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.notMatch(shown, /"hash/)
})

t.test('a store that fails is 503', async (t) => {
  const { keys } = keyring(t, {}, {})
  const failing = keyring(t, { store: { ...keyring(t).store, list () { throw new Error('SELECT secret') }, get: () => Promise.reject(new Error('SELECT secret')) } })
  await t.rejects(failing.keys.list('w1'), { code: 'KEYS_UNAVAILABLE', statusCode: 503, reason: 'Error' })
  await t.rejects(failing.keys.get('w1', 'key_1'), { code: 'KEYS_UNAVAILABLE', statusCode: 503, reason: 'Error' })
  await t.rejects(keys.get('w1', 'key_1'), { code: 'KEY_NOT_FOUND', statusCode: 404 })
})
