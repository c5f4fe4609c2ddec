import type { Principal } from 'fastify-latchkey'
import { compilePolicy, type Policy, type PolicyOutcome } from 'fastify-latchkey/limits'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createLimitExceeded } from '../../lib/limits/limit-exceeded.js'
import { collectingEmitter } from '../helpers/events.js'
import { principal } from '../helpers/limits.js'

const START = Date.UTC(2026, 0, 1)
const ada = principal('ada')

/** Processes on one clock, with the ids of the events that they emit. */
function processes (hasListeners = true) {
  const clock = fakeClock(START)
  const events = collectingEmitter()

  /** @returns what refuses a request in one process */
  function start () {
    const limitExceeded = createLimitExceeded({ events: { ...events, hasListeners: () => hasListeners }, clock: clock.now })
    return (refusal: Omit<PolicyOutcome, 'admitted' | 'remaining'>, who: Principal = ada) =>
      limitExceeded({ principal: who, policies: [{ ...refusal, admitted: false, remaining: 0 }, { ...refusal, admitted: true, remaining: 1 }] })
  }

  return { clock, start, take: () => events.emitted.splice(0) }
}

const compile = (policy: Partial<Policy> = {}) => compilePolicy({ name: 'p', quota: 1, window: 60, ...policy })

t.test('each process emits a window, a policy and a partition once, all with one id', async (t) => {
  const { start, take, clock } = processes()
  const [one, other] = [start(), start()]
  const policy = compile()
  const shared = compile({ name: 'all', partition: 'workspace' })
  for (let i = 0; i < 3; i++) one({ policy, reset: 60 })
  clock.advance(20)
  other({ policy, reset: 40 })
  const events = take()
  const data = { policy: 'p', partition: 'principal', principal: { kind: 'api-key', id: 'ada' }, environment: 'production', resetAt: '2026-01-01T00:01:00.000Z' }
  t.match(events, [1, 2].map(() => ({ type: 'limit.exceeded', workspace: 'w1', data })))
  t.equal(new Set(events.map(({ id }) => id)).size, 1)
  one({ policy: shared, reset: 60 })
  one({ policy: shared, reset: 60 }, principal('eve'))
  one({ policy, reset: 60 }, principal('eve'))
  t.match(take(), [{ data: { policy: 'all', partition: 'workspace' } }, { data: { policy: 'p', principal: { id: 'eve' } } }])
})

t.test('the next window is another event', async (t) => {
  const { start, take, clock } = processes()
  const refuse = start()
  const policy = compile()
  refuse({ policy, reset: 60 })
  clock.advance(60)
  refuse({ policy, reset: 60 })
  t.equal(new Set(take().map(({ id }) => id)).size, 2)
})

t.test('a store that says when a window closes tells windows apart by that, whatever the clocks of processes say', async (t) => {
  const { start, take, clock } = processes()
  const [one, other] = [start(), start()]
  const policy = compile()
  one({ policy, reset: 60, closesAt: START + 60_000 })
  clock.advance(59)
  other({ policy, reset: 7, closesAt: START + 60_000 })
  other({ policy, reset: 60, closesAt: START + 120_000 })
  const [first, second, third, ...others] = take().map(({ id }) => id)
  t.equal(first, second)
  t.not(second, third)
  t.same(others, [])
})

t.test('a policy without windows is emitted once in as much time', async (t) => {
  const counts: number[] = []
  for (const [more, reset] of [[{ burst: 1 }, 60], [{ sliding: true }, 6], [{ quota: 0 }, 60]] as const) {
    const { start, take, clock } = processes()
    const refuse = start()
    const policy = compile(more)
    for (const seconds of [0, 59, 1]) {
      clock.advance(seconds)
      refuse({ policy, reset })
      counts.push(take().length)
    }
  }
  t.same(counts, [1, 0, 1, 1, 0, 1, 1, 0, 1])
})

t.test('without listeners nothing is emitted', async (t) => {
  const { start, take } = processes(false)
  start()({ policy: compile(), reset: 60 })
  t.same(take(), [])
})
