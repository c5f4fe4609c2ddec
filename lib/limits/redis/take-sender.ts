import type { JoinedTake, Outcome, PendingTake } from '../store.js'
import type { CircuitBreaker } from './breaker.js'
import { reasonOf, run, type RedisClient } from './client.js'
import { createTakeBatcher, type Batch, type Waiting } from './take-batcher.js'
import type { Connection } from './connection.js'
import { publishDecided, publishUnavailable } from './metrics.js'
import type { RedisKeys } from './redis-keys.js'
import { takeScriptOf } from './take-script.js'
import { nextOffset } from './clock-offset.js'
import { callOf, readAnswer, type Answer, type Call } from './take-protocol.js'

export interface TakeSenderDeps {
  readonly client: RedisClient
  readonly link: Connection
  readonly breaker: CircuitBreaker
  readonly names: RedisKeys
  /** Milliseconds. */
  readonly deadline: number
  /** Microseconds that a marker lives after a write. */
  readonly markerLifetime: number
  /** Time is the `now` of a batch's first take instead of Redis' own. */
  readonly clockOfTakes: boolean
}

export interface TakeSender {
  take (take: JoinedTake, otherwise: Waiting['otherwise']): Outcome | PendingTake
  /** Sends what waited for the connection. */
  resume (): void
  /** Answers those who wait for the connection. */
  close (): void
}

/** Where batches of one Redis, or of one hash tag of a Cluster, are made. */
interface Route {
  readonly add: ReturnType<typeof createTakeBatcher>
  /** µs by which Redis' clock is ahead of ours; undefined until it is known. */
  offset: number | undefined
}

/** Takes that may wait at once; others are refused, so that nothing piles up. */
const MOST_WAITING = 10_000
/** Hash tags of a Cluster that are remembered. */
const MOST_ROUTES = 10_000

/** Batches by tick, and on a Cluster by hash tag; each is answered once, by Redis or at its deadline. */
export function createTakeSender ({ client, link, breaker, names, deadline, markerLifetime, clockOfTakes }: TakeSenderDeps): TakeSender {
  const script = takeScriptOf({ markerLifetime, clockOfTakes })
  const routes = new Map<string, Route>()
  const held = new Map<Batch, Route>()
  let waitingNow = 0
  /** Of whichever node answered last: a guess for those that have not, which costs one more trip where their clocks differ. */
  let lastOffset: number | undefined

  function routeOf ({ principal }: JoinedTake): Route {
    const tag = client.isCluster ? names.workspace(principal) : ''
    return routes.get(tag) ?? newRoute(tag)
  }

  function newRoute (tag: string): Route {
    const route: Route = {
      offset: link.offset ?? lastOffset,
      add: createTakeBatcher({ deadline, send: (batch) => send(batch, route), expired: (batch) => fail(batch, 'DeadlineExceeded') })
    }
    if (routes.size >= MOST_ROUTES) routes.clear()
    routes.set(tag, route)
    return route
  }

  function send (batch: Batch, route: Route): void {
    if (link.state === 'opening') held.set(batch, route)
    else if (link.state === 'down') fail(batch, 'no connection')
    else decide(batch, route).catch((fault) => fail(batch, reasonOf(fault)))
  }

  async function decide (batch: Batch, route: Route): Promise<void> {
    const sentAt = performance.now()
    const call = callOf(batch.waiting.map(({ take }) => take), names)
    let answer = await ask(call, batch, route)
    if (answer.late && batch.open) answer = await ask(call, batch, route)
    conclude(batch, answer, sentAt)
  }

  /** A batch says until when it may be counted, since what waits on its way or before Redis would count for nobody. */
  async function ask ({ keys, args }: Call, batch: Batch, route: Route): Promise<Answer> {
    const answer = readAnswer(await run(client, script, keys, [String(instantOf(batch, route)), ...args], () => batch.open))
    route.offset = lastOffset = nextOffset(route.offset, answer.now - performance.now() * 1000)
    return answer
  }

  /** Whole µs of Redis' time, 0 while that is unknown; the time itself where the takes tell it. */
  function instantOf ({ waiting: [first], until }: Batch, { offset }: Route): number {
    if (clockOfTakes && first !== undefined) return Math.floor(first.take.time() * 1000)
    return offset === undefined ? 0 : Math.floor(until * 1000 + offset)
  }

  function conclude (batch: Batch, answer: Answer, sentAt: number): void {
    if (!batch.open) return
    if (answer.late) return fail(batch, 'late')
    const outcomes = batch.waiting.map(({ take }) => answer.outcome(take))
    waitingNow -= outcomes.length
    breaker.succeeded()
    let next = 0
    batch.settle(({ take, otherwise }) => outcomes[next++] ?? otherwise(take, 'WRONGTYPE'))
    publishDecided(outcomes, (performance.now() - sentAt) / 1000)
  }

  function fail (batch: Batch, reason: string): void {
    if (!batch.open) return
    held.delete(batch)
    waitingNow -= batch.waiting.length
    breaker.failed(reason)
    batch.settle(({ take, otherwise }) => otherwise(take, reason))
    publishUnavailable(batch.waiting.length, (performance.now() - batch.until + deadline) / 1000)
  }

  return {
    take (take, otherwise) {
      if (waitingNow >= MOST_WAITING) {
        publishUnavailable(1, 0)
        return otherwise(take, 'too many wait')
      }
      waitingNow++
      return routeOf(take).add(take, otherwise)
    },
    resume () {
      for (const route of routes.values()) route.offset = link.offset
      const batches = [...held]
      held.clear()
      for (const [batch, route] of batches) send(batch, route)
    },
    close () {
      for (const batch of held.keys()) fail(batch, 'closed')
    }
  }
}
