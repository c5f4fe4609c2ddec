import t from 'tap'
import { createCircuitBreaker } from '../../lib/limits/redis/circuit-breaker.js'
import { collectRounds } from '../helpers/collect.js'

/** A breaker on a clock and dice of the test, with the changes that it reports. */
function breaker () {
  const changes: string[] = []
  const world = { now: 0, dice: 0.5 }
  const made = createCircuitBreaker({ now: () => world.now, random: () => world.dice, onChange: (state, reason) => { changes.push(`${state}: ${reason}`) } })
  return { ...made, changes, world }
}

function broken () {
  const made = breaker()
  for (let i = 0; i < 3; i++) made.failed('down')
  return made
}

t.test('three failures in a row open it, fewer do not, and it reports so once', async (t) => {
  const { enter, failed, succeeded, changes } = breaker()
  failed('a')
  failed('b')
  succeeded()
  failed('c')
  failed('d')
  t.equal(enter(), true)
  t.same(changes, [])
  failed('e')
  t.equal(enter(), false)
  failed('f')
  t.same(changes, ['unavailable: e'])
})

t.test('one probe at a time is let through, and each that fails doubles the wait up to two seconds', async (t) => {
  const { enter, failed, world, changes } = broken()
  const rounds = collectRounds()
  for (const wait of [250, 500, 1000, 2000, 2000]) {
    world.now += wait - 1
    rounds.add(enter(), false)
    world.now += 1
    rounds.add([enter(), enter()], [true, false], `after ${wait} ms`)
    failed('still')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(changes, ['unavailable: down'])
})

t.test('a probe that is answered closes it, and the next outage begins anew', async (t) => {
  const { enter, failed, succeeded, world, changes } = broken()
  world.now = 250
  enter()
  failed('still')
  world.now = 750
  enter()
  succeeded()
  t.equal(enter(), true)
  t.same(changes, ['unavailable: down', 'available: a probe was answered'])
  for (let i = 0; i < 3; i++) failed('again')
  world.now += 250
  t.equal(enter(), true, 'the first wait, not the third')
})

t.test('an answer that comes while it is open closes it', async (t) => {
  const { enter, succeeded, changes } = broken()
  succeeded()
  t.equal(enter(), true)
  t.equal(changes.length, 2)
})

t.test('over a new connection a probe goes at once; who is refused meanwhile waits for a second at least', async (t) => {
  const { enter, probeNow, retryAfter, world } = broken()
  probeNow()
  world.dice = 0
  t.equal(retryAfter(), 1)
  t.same([enter(), enter()], [true, false])
})

t.test('waits and Retry-After differ from process to process', async (t) => {
  const { retryAfter, world } = broken()
  world.dice = 0
  t.equal(retryAfter(), 1)
  world.dice = 0.999
  t.equal(retryAfter(), 3)
  const early = breaker()
  early.world.dice = 0
  for (let i = 0; i < 3; i++) early.failed('down')
  early.world.now = 188
  t.equal(early.enter(), true, 'three quarters of the wait')
})
