import fc from 'fast-check'
import { defineScopes } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { principal } from '../helpers/limits.js'
import { Bits } from '../../lib/scopes/bits.js'
import '../helpers/seed.js'

/** Sizes around the borders of 32-bit words. */
const size = fc.oneof(fc.constantFrom(1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200), fc.integer({ min: 1, max: 200 }))
const name = (i: number): `${string}:${string}` => `r:a${i}`

/** What set logic says, without bits: everything reachable from `granted`. */
function reachable (granted: readonly string[], implies: Readonly<Record<string, readonly string[]>>): Set<string> {
  const reached = new Set(granted)
  for (const scope of reached) for (const other of implies[scope] ?? []) reached.add(other)
  return reached
}

t.test('decisions over 1 to 200 scopes are those of plain sets', async () => {
  const scene = size.chain((count) => {
    const index = fc.nat({ max: count - 1 })
    return fc.record({
      count: fc.constant(count),
      implies: fc.array(fc.tuple(index, fc.array(index, { maxLength: 3 })), { maxLength: 20 }),
      granted: fc.array(index, { maxLength: 10 }),
      required: fc.array(index, { minLength: 1, maxLength: 4 }),
    })
  })
  fc.assert(fc.property(scene, ({ count, implies, granted, required }) => {
    const edges = Object.fromEntries(implies.map(([from, to]) => [name(from), to.map(name)]))
    const scopes = defineScopes<Record<string, readonly string[]>>({ resources: { r: Array.from({ length: count }, (_, i) => `a${i}`) }, implies: edges })
    const held = reachable(granted.map(name), edges)
    const holder = principal('p', { scopes: Object.freeze(granted.map(name)) })
    const wanted = required.map(name)
    return scopes.permits(holder, ...wanted) === wanted.every((scope) => held.has(scope)) &&
      scopes.expand(holder.scopes).join() === scopes.names.filter((scope) => held.has(scope)).join()
  }), { numRuns: 400 })
})

t.test('at every border of a word exactly the scope itself is held', async (t) => {
  const scopes = defineScopes<Record<string, readonly string[]>>({ resources: { r: Array.from({ length: 200 }, (_, i) => `a${i}`) } })
  const rounds = collectRounds()
  for (const i of [0, 1, 30, 31, 32, 33, 62, 63, 64, 65, 95, 96, 97, 127, 128, 129, 159, 160, 191, 192, 199]) {
    rounds.add(scopes.expand([name(i)]), [name(i)])
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a set of bits is a set of numbers', async () => {
  const numbers = fc.array(fc.nat({ max: 200 }), { maxLength: 12 })
  fc.assert(fc.property(numbers, numbers, fc.nat({ max: 230 }), (some, others, one) => {
    const bits = new Bits(some)
    return bits.has(one) === some.includes(one) && bits.includes(new Bits(others)) === others.every((other) => some.includes(other))
  }), { numRuns: 1000 })
})
