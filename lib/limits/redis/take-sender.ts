import { DeadlineExceeded } from '../../core/clock.js'
import type { Outcome, Take } from '../store.js'
import { reasonOf, run, Undecided, type RedisClient } from './client.js'
import { nextOffset } from './clock-offset.js'
import type { Connection } from './connection.js'
import type { Log } from './log.js'
import { publishBatch, publishUnavailable } from './metrics.js'
import type { Nodes, RedisNode } from './nodes.js'
import type { OutagePolicy } from './outage-policy.js'
import type { KeysOf } from './redis-keys.js'
import type { Script } from './scripts.js'
import { encodeTakes, readAnswer, type NamedTake, type TakeCall } from './take-protocol.js'

export interface TakeSenderDeps {
  readonly client: RedisClient
  readonly connection: Connection
  readonly nodes: Nodes
  readonly keysOf: KeysOf
  /** Milliseconds. */
  readonly deadline: number
  readonly takeScript: Script
  /** The script's time is the `now` of a batch's first take instead of Redis' own. */
  readonly clockOfTakes: boolean
  readonly log: Log
}

/** Decides takes, and never rejects. @param otherwise answers those that Redis has not decided */
export type SendTakes = (takes: readonly Take[], otherwise: OutagePolicy) => Promise<readonly Outcome[]>

/** Takes in one script call: keeps it under a few milliseconds, and its keys within what Lua can unpack. */
export const BATCH_SIZE = 500
/** Takes that may wait at once; more are answered without Redis, so that nothing piles up. */
const MAX_WAITING = 10_000
/** Milliseconds between two warnings about keys that contained something else. */
const WARNING_MS = 60_000

/** In the order of the takes; undefined in place of an outcome that makes no sense. */
type Decided = ReadonlyArray<Outcome | undefined>

/** Takes that one script call decides. */
interface Batch {
  readonly slot: number
  readonly takes: NamedTake[]
  /** The position of each in the takes that were given. */
  readonly places: number[]
}

/** Sends takes in batches: on a Cluster those of one hash slot together, elsewhere all. */
export function createTakeSender (deps: TakeSenderDeps): SendTakes {
  const { client, connection, nodes, keysOf, deadline, takeScript, clockOfTakes, log } = deps
  let waiting = 0
  let warnedAt = -Infinity

  async function decide ({ takes, slot }: Batch, otherwise: OutagePolicy): Promise<Outcome[]> {
    const node = nodes.of(slot)
    const startedAt = performance.now()

    function decideWithout (reason: string): Outcome[] {
      publishUnavailable(takes.length, (performance.now() - startedAt) / 1000)
      return takes.map(({ take }) => otherwise(take, node.breaker.retryAfter(), reason))
    }

    if (waiting + takes.length > MAX_WAITING) return decideWithout('too many wait')
    if (!node.breaker.enter()) return decideWithout('Redis is not asked until a probe is answered')
    waiting += takes.length
    const asked = withDeadline(ask(takes, node, startedAt + deadline), deadline)
    const reply = await asked.then((outcomes) => ({ outcomes }), (error: unknown) => ({ reason: reasonOf(error) }))
    waiting -= takes.length
    if ('reason' in reply) {
      node.breaker.failed(reply.reason)
      return decideWithout(reply.reason)
    }
    const { outcomes } = reply
    node.breaker.succeeded()
    publishBatch(outcomes, (performance.now() - startedAt) / 1000)
    return takes.map(({ take }, i) => outcomes[i] ?? otherwise(take, node.breaker.retryAfter(), 'MalformedAnswer'))
  }

  /** @param until monotonic milliseconds */
  async function ask (takes: readonly NamedTake[], node: RedisNode, until: number): Promise<Decided> {
    if (connection.state === 'opening') await connection.ready(deadline)
    if (connection.state === 'lost') throw new Undecided('no connection')
    const call = encodeTakes(takes)
    const outcomes = await send(takes, call, node, until)
    if (outcomes !== undefined) return outcomes
    // The clock of Redis was not known, or was set; since this answer it is known.
    const again = performance.now() < until ? await send(takes, call, node, until) : undefined
    if (again === undefined) throw new Undecided('late')
    return again
  }

  /** @returns undefined where it came too late: nothing was counted */
  async function send (
    takes: readonly NamedTake[], { keys, args }: TakeCall, node: RedisNode, until: number
  ): Promise<Decided | undefined> {
    const reply = await run(client, takeScript, keys, [instantOf(takes, node, until), ...args], until)
    const { now, foreign, outcomes } = readAnswer(reply, takes)
    node.offset = nextOffset(node.offset, now - performance.now() * 1000)
    if (foreign > 0) warnOfForeign(foreign)
    return outcomes
  }

  /**
   * Until when Redis may count, in µs of its time: what is delayed on its way would count for nobody. While that time
   * is not known, always too early.
   */
  function instantOf ([first]: readonly NamedTake[], { offset }: RedisNode, until: number): string {
    if (clockOfTakes && first !== undefined) return String(Math.floor(first.take.now * 1000))
    return offset === undefined ? '0' : String(Math.floor(until * 1000 + offset))
  }

  function warnOfForeign (keys: number): void {
    if (performance.now() - warnedAt < WARNING_MS) return
    warnedAt = performance.now()
    log.warn({ keys }, 'limits: keys in Redis contained something else; they count as empty and are overwritten')
  }

  return async function sendTakes (takes, otherwise) {
    const outcomes: Outcome[] = []
    await Promise.all(batchesOf(takes, keysOf).map(async (batch) => {
      const decided = await decide(batch, otherwise)
      for (const [i, place] of batch.places.entries()) {
        const outcome = decided[i]
        if (outcome !== undefined) outcomes[place] = outcome
      }
    }))
    return outcomes
  }
}

function batchesOf (takes: readonly Take[], keysOf: KeysOf): Batch[] {
  const batches: Batch[] = []
  const filling = new Map<number, Batch>()
  for (const [place, take] of takes.entries()) {
    const names = keysOf(take.caller)
    let batch = filling.get(names.slot)
    if (batch === undefined || batch.takes.length === BATCH_SIZE) {
      batch = { slot: names.slot, takes: [], places: [] }
      batches.push(batch)
      filling.set(names.slot, batch)
    }
    batch.takes.push({ take, names })
    batch.places.push(place)
  }
  return batches
}

/** Rejects after the deadline, once what had arrived by then is read: the event loop may have been blocked. */
function withDeadline<T> (work: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = (): void => reject(new DeadlineExceeded('Redis', milliseconds / 1000))
    const timer = setTimeout(() => setImmediate(expire), milliseconds)
    work.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}
