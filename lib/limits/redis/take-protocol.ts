import type { CompiledPolicy } from '../policy.js'
import type { JoinedTake, Outcome, PolicyOutcome } from '../store.js'
import type { RedisKeys } from './redis-keys.js'
import { sharesWorkspace, encodePolicies } from './policy-encoding.js'

/** What a script call says of a take, which is decided by Redis' time. */
type Asked = Omit<JoinedTake, 'time'>

/** What one script call is made of, but for the instants that depend on when it is sent. */
export interface Call {
  readonly keys: readonly string[]
  /** Arguments of the script that follow the instant. */
  readonly args: readonly string[]
}

/** Takes alike that follow one another are one run of the call. */
interface Run {
  readonly alike: Asked
  readonly list: number
  length: number
}

export function callOf (takes: readonly Asked[], names: RedisKeys): Call {
  const keys: string[] = []
  const lists: string[] = []
  const runs: Run[] = []
  let run: Run | undefined
  let list = 0
  let shares = false
  for (const take of takes) {
    const { policies, principal, cost } = take
    const sameList = run?.alike.policies === policies
    if (!sameList) {
      list = indexOf(encodePolicies(policies), lists)
      shares = sharesWorkspace(policies)
    }
    if (run === undefined || !sameList || run.alike.cost !== cost) {
      run = { alike: take, list, length: 0 }
      runs.push(run)
    }
    run.length++
    keys.push(names.principal(principal))
    if (shares) keys.push(names.workspace(principal))
  }
  return { keys, args: [runs.map(({ length, alike, list }) => `${length} ${alike.cost} ${list} `).join(''), ...lists] }
}

/** As the script counts, from 1; added where it is new. */
function indexOf (text: string, lists: string[]): number {
  return lists.indexOf(text) + 1 || lists.push(text)
}

/** Raised when a script answers what it can't answer: another program runs under its name, or another server. */
export class NoAnswer extends Error {
  readonly code = 'LATCHKEY_ERR_REDIS_ANSWER'
  override readonly name = 'NoAnswer'
}

/** Reads the numbers that a script call answered, one after the other. */
export interface Answer {
  /** Redis' time in µs. */
  readonly now: number
  /** It came too late to be decided: nothing was counted. */
  readonly late: boolean
  /** What the next take of the call was answered; undefined where its key holds something else. */
  outcome (take: Asked): Outcome | undefined
}

/** @throws NoAnswer here and in `outcome` */
export function readAnswer (reply: unknown): Answer {
  if (!Buffer.isBuffer(reply)) throw new NoAnswer()
  const numbers = new DataView(reply.buffer, reply.byteOffset, reply.length)
  let at = 0

  function number (): number {
    if (at + 8 > numbers.byteLength) throw new NoAnswer()
    const value = numbers.getFloat64(at, true)
    if (!Number.isSafeInteger(value)) throw new NoAnswer()
    at += 8
    return value
  }

  const now = number()
  return {
    now,
    late: numbers.byteLength === 8,
    outcome ({ policies, principal }) {
      const marker = number()
      if (marker < 0) return undefined
      let admitted = true
      const outcomes: PolicyOutcome[] = []
      for (const policy of policies) {
        const remaining = number()
        const reset = number()
        if (remaining < 0) throw new NoAnswer()
        if (reset < 0) admitted = false
        outcomes.push(reset < 0 ? refusedBy(policy, remaining, -1 - reset, now) : { policy, admitted: true, remaining, reset })
      }
      return principal.version === undefined ? { admitted, policies: outcomes } : { admitted, policies: outcomes, versionMarker: marker }
    }
  }
}

/** @param reset µs @param now µs; both exact, so that all who are refused by one window know it by the same instant */
function refusedBy (policy: CompiledPolicy, remaining: number, reset: number, now: number): PolicyOutcome {
  const refused = { policy, admitted: false, remaining, reset: Math.ceil(reset / 1_000_000) }
  // A quota of 0 has no windows: it refuses each request for as long as any other.
  return policy.kind === 'window' && policy.quota > 0 ? { ...refused, closesAt: Math.floor((now + reset) / 1000) } : refused
}
