import type { CompiledPolicy } from '../policy.js'
import type { Outcome, PolicyOutcome, Take } from '../store.js'
import { encodePolicies } from './policy-encoding.js'
import type { KeyNames } from './redis-keys.js'

/** Keys and arguments of the take script, without the instant that comes first. */
export interface TakeCall {
  readonly keys: readonly string[]
  readonly args: readonly string[]
}

export interface NamedTake {
  readonly take: Take
  readonly names: KeyNames
}

/** Takes of the same cost and policies that follow one another are one run. */
interface Run {
  readonly cost: number
  readonly policies: readonly CompiledPolicy[]
  readonly list: number
  readonly shared: boolean
  length: number
}

export function encodeTakes (takes: readonly NamedTake[]): TakeCall {
  const keys: string[] = []
  const lists: string[] = []
  const runs: Run[] = []
  let run: Run | undefined
  for (const { take: { policies, cost }, names } of takes) {
    if (run === undefined || run.policies !== policies || run.cost !== cost) {
      const { text, shared } = encodePolicies(policies)
      run = { cost, policies, list: positionOf(text, lists), shared, length: 0 }
      runs.push(run)
    }
    run.length++
    keys.push(names.principal)
    if (run.shared) keys.push(names.workspace)
  }
  return { keys, args: [runs.map(({ length, cost, list }) => `${length} ${cost} ${list} `).join(''), ...lists] }
}

/** From 1, as Lua counts; a new list is added. */
function positionOf (text: string, lists: string[]): number {
  return lists.indexOf(text) + 1 || lists.push(text)
}

/** Thrown where an answer is none of the take script: another program runs under its name, or another server. */
export class MalformedAnswer extends Error {
  readonly code = 'LATCHKEY_ERR_REDIS_ANSWER'
  override readonly name = 'MalformedAnswer'
}

export interface Answer {
  /** Redis' time in µs. */
  readonly now: number
  /** Keys that contained something else, and counted as empty. */
  readonly foreign: number
  /**
   * In the order of the takes; undefined in place of one that makes no sense. Absent where the call came too late to be
   * decided: then nothing was counted.
   */
  readonly outcomes?: ReadonlyArray<Outcome | undefined>
}

/** @throws MalformedAnswer */
export function readAnswer (reply: unknown, takes: readonly NamedTake[]): Answer {
  const numbers = decode(reply)
  const [now = NaN, foreign = 0] = numbers
  if (!isCount(now) || !isCount(foreign)) throw new MalformedAnswer()
  if (numbers.length === 1) return { now, foreign }
  const outcomes: Array<Outcome | undefined> = []
  let at = 2
  for (const { take } of takes) {
    outcomes.push(readOutcome(numbers, at, take, now))
    at += 1 + 2 * take.policies.length
  }
  if (at !== numbers.length) throw new MalformedAnswer()
  return { now, foreign, outcomes }
}

function decode (reply: unknown): number[] {
  if (!Buffer.isBuffer(reply) || reply.length % 8 !== 0) throw new MalformedAnswer()
  const bytes = new DataView(reply.buffer, reply.byteOffset, reply.length)
  const numbers: number[] = []
  for (let at = 0; at < bytes.byteLength; at += 8) numbers.push(bytes.getFloat64(at, true))
  return numbers
}

/** @param at position of the take's first number */
function readOutcome (numbers: readonly number[], at: number, take: Take, now: number): Outcome | undefined {
  const versionMarker = numbers[at] ?? NaN
  if (!isCount(versionMarker)) return undefined
  let admitted = true
  const policies: PolicyOutcome[] = []
  for (const policy of take.policies) {
    const remaining = numbers[++at] ?? NaN
    const reset = numbers[++at] ?? NaN
    if (!isCount(remaining) || !Number.isSafeInteger(reset)) return undefined
    if (reset < 0) admitted = false
    if (reset < 0) policies.push(refusal(policy, remaining, -1 - reset, now))
    else policies.push({ policy, admitted: true, remaining, reset })
  }
  return take.caller.version === undefined ? { admitted, policies } : { admitted, policies, versionMarker }
}

function isCount (value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** @param reset µs @param now µs; both are exact, so all requests that one window refuses get the same instant */
function refusal (policy: CompiledPolicy, remaining: number, reset: number, now: number): PolicyOutcome {
  const refused = { policy, admitted: false, remaining, reset: Math.ceil(reset / 1_000_000) }
  // A quota of 0 has no windows: it refuses each request for as long as any other.
  const hasWindows = policy.kind === 'window' && policy.quota > 0
  return hasWindows ? { ...refused, closesAt: Math.floor((now + reset) / 1000) } : refused
}
