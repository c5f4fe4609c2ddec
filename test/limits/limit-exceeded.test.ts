import type { Principal } from 'fastify-latchkey'
import type { AccessEvent } from 'fastify-latchkey/events'
import { compilePolicy, LimitStoreUnavailable, type LimitStore, type Policy, type PolicyOutcome } from 'fastify-latchkey/limits'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createEmitter } from '../../lib/events/emitter.js'
import { createRequestEvents } from '../../lib/events/request-events.js'
import { principal } from '../helpers/limits.js'

const START = Date.UTC(2026, 0, 1)
const ada = principal('ada')

/** Processes that share a clock and, where they have one, what they claim by. */
function world (claim?: NonNullable<LimitStore['claim']>) {
  const clock = fakeClock(START)
  const logged: string[] = []
  const told: Array<AccessEvent<'limit.exceeded'>> = []

  function process () {
    const log = (reason: string, message: string): void => { logged.push(`${message}: ${reason}`) }
    const emitter = createEmitter({ deadline: 1, log })
    emitter.on('limit.exceeded', (event) => { told.push(event) })
    const { limited } = createRequestEvents({ emitter, clock: clock.now, claim, deadline: 0.01, log, async findKey () { throw new Error('nobody asks') } })
    return (refusal: Omit<PolicyOutcome, 'admitted' | 'remaining'>, who: Principal = ada) => limited({ principal: who, policies: [{ ...refusal, admitted: false, remaining: 0 }] })
  }

  return { clock, logged, process, async take () { await settled(); return told.splice(0) } }
}

/** Claims of one clock, by name. */
function claims (now: () => number) {
  const held = new Map<string, number>()
  return async (name: string, seconds: number): Promise<boolean> => {
    if ((held.get(name) ?? 0) > now()) return false
    held.set(name, now() + seconds * 1000)
    return true
  }
}

async function settled (): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate)
}

const compile = (policy: Partial<Policy> = {}) => compilePolicy({ name: 'p', quota: 1, window: 60, ...policy })

t.test('without a store to claim from, each process tells of a window once, all with one id', async (t) => {
  const { process, take, clock } = world()
  const [one, other] = [process(), process()]
  const policy = compile()
  for (let i = 0; i < 3; i++) one({ policy, reset: 60 })
  clock.advance(20)
  other({ policy, reset: 40 })
  const told = await take()
  t.match(told, [1, 2].map(() => ({ type: 'limit.exceeded', workspace: 'w1', data: { policy: 'p', partition: 'principal', principal: { kind: 'api-key', id: 'ada' }, environment: 'production', resetAt: '2026-01-01T00:01:00.000Z' } })))
  t.equal(new Set(told.map(({ id }) => id)).size, 1)
})

t.test('of processes that can claim one tells of a window, a policy and a partition, and of the next window again', async (t) => {
  const held = fakeClock(START)
  const { process, take, clock } = world(claims(held.now))
  const both = [process(), process()]
  const policy = compile()
  const shared = compile({ name: 'all', partition: 'workspace' })
  const refuse = (closesAt: number) => {
    for (const one of both) for (let i = 0; i < 3; i++) for (const outcome of [{ policy, reset: 60, closesAt }, { policy: shared, reset: 60, closesAt }]) one(outcome)
  }
  refuse(START + 60_000)
  t.same((await take()).map(({ data }) => data.policy), ['p', 'all'])
  both[1]?.({ policy, reset: 60, closesAt: START + 60_000 }, principal('eve'))
  t.match(await take(), [{ data: { principal: { id: 'eve' } } }])
  clock.advance(60)
  held.advance(59)
  refuse(START + 120_000)
  const next = await take()
  t.same(next.map(({ data }) => data.policy), ['p', 'all'], 'whatever the clock of the store says')
  clock.advance(10)
  both[0]?.({ policy, reset: 1, closesAt: START + 60_000 })
  t.same(await take(), [], 'who comes late tells nothing anew')
})

t.test('what has no windows is told by one process in as much time, as soon as what another has claimed is over', async (t) => {
  for (const [more, reset] of [[{ burst: 1 }, 60], [{ sliding: true }, 6], [{ quota: 0 }, 60]] as const) {
    const held = fakeClock(START)
    const { process, take, clock } = world(claims(held.now))
    const [one, other] = [process(), process()]
    const policy = compile(more)
    const pass = (seconds: number) => { clock.advance(seconds); held.advance(seconds) }
    one({ policy, reset })
    t.equal((await take()).length, 1)
    pass(59)
    other({ policy, reset })
    t.equal((await take()).length, 0)
    pass(5)
    other({ policy, reset })
    t.equal((await take()).length, 0, 'not asked again yet')
    pass(1)
    other({ policy, reset })
    one({ policy, reset })
    t.equal((await take()).length, 1, policy.kind)
  }
})

t.test('while the store can\'t say whose it is nobody tells, and the next refusal asks again; the log says so once', async (t) => {
  let answer: NonNullable<LimitStore['claim']> = async () => { throw new LimitStoreUnavailable(1, 'no secret') }
  const { process, take, logged } = world((name, seconds) => answer(name, seconds))
  const refused = process()
  const refuse = () => refused({ policy: compile(), reset: 60, closesAt: START + 60_000 })
  for (let i = 0; i < 2; i++) {
    refuse()
    t.same(await take(), [])
  }
  answer = () => { throw new TypeError('a secret') }
  refuse()
  t.same(await take(), [])
  answer = () => new Promise(() => {})
  refuse()
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(await take(), [])
  answer = async () => true
  refuse()
  refuse()
  t.equal((await take()).length, 1)
  const said = 'limit.exceeded is told by nobody while the limit store can\'t say who tells it'
  t.same(logged, [`${said}: LimitStoreUnavailable LATCHKEY_ERR_LIMIT_STORE_UNAVAILABLE`])
  answer = async () => { throw new TypeError('a secret') }
  refused({ policy: compile({ name: 'q' }), reset: 60, closesAt: START + 60_000 })
  t.same(await take(), [])
  t.same(logged.slice(1), [`${said}: TypeError`], 'and again when it was back meanwhile')
})
