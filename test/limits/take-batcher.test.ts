import { setImmediate as tick } from 'node:timers/promises'
import type { Outcome, Take } from 'fastify-latchkey/limits'
import t from 'tap'
import { createTakeBatcher } from '../../lib/limits/take-batcher.js'
import { collectRounds } from '../helpers/collect.js'
import { principal, untyped } from '../helpers/limits.js'

const take = (id: string): Take => ({ policies: [], caller: principal(id), cost: 1, now: 0 })
const admitted = (versionMarker: number): Outcome => ({ admitted: true, policies: [], versionMarker })

t.test('the takes of one tick are one batch, and each gets its own outcome', async (t) => {
  const batches: string[][] = []
  const batcher = createTakeBatcher({
    async takeBatch (takes) {
      batches.push(takes.map(({ caller }) => caller.kind === 'anonymous' ? caller.address : caller.id))
      return takes.map((_, place) => admitted(place))
    }
  })
  const first = Promise.all([batcher(take('a')), batcher(take('b'))])
  t.same(batches, [], 'nothing is sent before the tick is over')
  t.same(await first, [admitted(0), admitted(1)])
  t.same(await batcher(take('c')), admitted(0))
  t.same(batches, [['a', 'b'], ['c']])
})

t.test('a batch waits for none before it', async (t) => {
  const answers: Array<(outcomes: Outcome[]) => void> = []
  const batcher = createTakeBatcher({ takeBatch: () => new Promise((resolve) => { answers.push(resolve) }) })
  const first = batcher(take('a'))
  await tick()
  const second = batcher(take('b'))
  await tick()
  t.equal(answers.length, 2)
  answers[1]?.([admitted(2)])
  t.same(await second, admitted(2))
  answers[0]?.([admitted(1)])
  t.same(await first, admitted(1))
})

t.test('an error of the store is one of each take of that batch, and of no other', async (t) => {
  const errors: Array<() => Promise<Outcome[]>> = [
    async () => { throw new TypeError('broken') },
    () => { throw new TypeError('broken') }
  ]
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const fail of errors) {
    let calls = 0
    const batcher = createTakeBatcher({ takeBatch: async () => calls++ === 0 ? fail() : [admitted(0)] })
    const settled = await Promise.allSettled([batcher(take('a')), batcher(take('b'))])
    patterns.add(settled, Array(2).fill({ status: 'rejected', reason: { message: 'broken' } }))
    rounds.add(await batcher(take('c')), admitted(0))
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('fewer or more outcomes than takes, or none at all, reject each take', async (t) => {
  const answers: unknown[] = [[], [admitted(0)], [admitted(0), admitted(0), admitted(0)], undefined, null, 'ab']
  const rounds = collectRounds()
  for (const answer of answers) {
    const batcher = createTakeBatcher({ takeBatch: async () => untyped(answer) })
    const settled = await Promise.allSettled([batcher(take('a')), batcher(take('b'))])
    rounds.add(settled.map(({ status }) => status), ['rejected', 'rejected'], JSON.stringify(answer))
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.rejects(createTakeBatcher({ takeBatch: async () => [] })(take('a')), { message: 'the limit store answered 0 outcomes to 1 takes' })
})

t.test('an outcome that is missing settles its take too, for the limiter to judge', async (t) => {
  const batcher = createTakeBatcher({ takeBatch: async () => untyped(new Array(1)) })
  t.equal(await batcher(take('a')), undefined)
})
