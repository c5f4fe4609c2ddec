import { channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import type { RefusalCode } from './errors.js'
import type { OutcomeListener } from './outcomes.js'
import type { Principal } from './principal.js'

/** A policy that counted a request. */
export interface DecidedPolicy {
  readonly name: string
  /** False for the policy that refused it. */
  readonly admitted: boolean
  readonly remaining: number
  /** Seconds until more quota comes back. */
  readonly reset: number
}

type Outcome = Parameters<OutcomeListener>

/**
 * What was decided about a guarded request. Published on the channel `latchkey:decision` of `node:diagnostics_channel`
 * for each of them, and on `latchkey:refusal` where it was refused. Its own fields hold no secret.
 *
 * ```ts
 * subscribe('latchkey:refusal', (message) => {
 *   if (message instanceof DecisionMessage) refusals.inc({ code: message.code })
 * })
 * ```
 */
export class DecisionMessage {
  readonly decision: 'admitted' | 'refused'
  /** Of a refusal. */
  readonly code: RefusalCode | undefined
  readonly statusCode: number | undefined
  readonly method: string
  /** Of the matched route, such as `/devices/:id`; `*` where there is none. */
  readonly url: string
  /** Also of a caller that was refused; null where no valid credential was presented. */
  readonly principal: Principal | null
  /** Empty where nothing was counted. */
  readonly policies: readonly DecidedPolicy[]
  readonly #request: FastifyRequest

  constructor (...[request, { method, url }, principal, refusal]: Outcome) {
    this.decision = refusal === undefined ? 'admitted' : 'refused'
    this.code = refusal?.code
    this.statusCode = refusal?.statusCode
    this.method = method
    this.url = url
    this.principal = principal
    this.policies = counted.get(request) ?? []
    this.#request = request
  }

  /** Its headers carry the credential. So it is no field of the message: who logs a message does not log it. */
  get request (): FastifyRequest {
    return this.#request
  }
}

const decisions = channel('latchkey:decision')
const refusals = channel('latchkey:refusal')
const counted = new WeakMap<FastifyRequest, readonly DecidedPolicy[]>()

/** Keeps the policies of a request for its message. */
export function notePolicies (request: FastifyRequest, policies: readonly Counted[]): void {
  if (!decisions.hasSubscribers && !refusals.hasSubscribers) return
  counted.set(request, policies.map(({ policy: { name }, admitted, remaining, reset }) =>
    ({ name, admitted, remaining, reset })))
}

interface Counted extends Omit<DecidedPolicy, 'name'> { readonly policy: Pick<DecidedPolicy, 'name'> }

/** Builds nothing where nobody subscribes. */
export const publishDecision: OutcomeListener = function publishDecision (...outcome) {
  const [, , , refusal] = outcome
  const isWanted = decisions.hasSubscribers || (refusal !== undefined && refusals.hasSubscribers)
  if (!isWanted) return
  const message = new DecisionMessage(...outcome)
  decisions.publish(message)
  if (refusal !== undefined) refusals.publish(message)
}
