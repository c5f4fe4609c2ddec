import type { FastifyRequest } from 'fastify'
import { withTimeout, type Clock } from '../core/clock.js'
import { describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import { writeLog } from '../core/write-log.js'
import { createOncePerWindow, eventId, type Emitter } from '../events/index.js'
import type { FailureBudget } from './failure-budget.js'
import { readAuthorization, readCredential, type Readable } from './header.js'
import { createResolve, readableBy } from './resolve.js'
import { EndedCredential, isInvalidCredential, UnknownForm, type Resolver } from './resolver.js'

/** Where others could read a credential: sent without TLS, or in a URL, which logs and browser histories keep. */
type Place = 'plain-http' | 'query'

/** Emits an event for each real credential that a request exposed. The request does not wait for it. */
export type ExposureReport = (request: FastifyRequest, place: Place) => void

export interface ExposureDeps {
  readonly resolvers: readonly Resolver[]
  readonly clock: Clock
  /** Seconds that a resolver may take. */
  readonly deadline: number
  readonly budget: FailureBudget | undefined
  readonly events: Emitter | undefined
}

/** Values that are looked up for one request, so that a query full of guesses costs little. */
const MAX_VALUES = 8
/** Seconds between two events about one credential. */
const PERIOD = 86_400

export function createExposureReport ({ resolvers, clock, deadline, budget, events }: ExposureDeps): ExposureReport {
  if (events === undefined) return function reportNothing () {}
  const { emit, hasListeners } = events
  const readable = readableBy(resolvers)
  const once = createOncePerWindow(clock)
  const resolveAny = createResolve(resolvers)
  // A resolver that takes any text, such as an introspection endpoint, would be sent all values of a query.
  const resolveKnown = createResolve(resolvers.filter(({ anyForm }) => anyForm !== true))

  async function lookUp (request: FastifyRequest, place: Place): Promise<void> {
    const { ip } = request
    const inHeader = place === 'query' ? [] : tokensInHeader(request, readable)
    const candidates = [
      ...inHeader.map((token) => ({ token, resolve: resolveAny })),
      ...tokensInQuery(request, readable).map((token) => ({ token, resolve: resolveKnown }))
    ]
    for (const { token, resolve } of candidates.slice(0, MAX_VALUES)) {
      if (budget?.exceeded({ ip }) !== undefined) return
      if (budget?.exceededBy({ ip }, token) !== undefined) continue
      const principal = await identify(resolve, token, request, ip)
      if (principal !== undefined) emitOnce(principal)
    }
  }

  async function identify (
    resolve: typeof resolveAny, token: string, request: FastifyRequest, ip: string
  ): Promise<Principal | undefined> {
    // Reserved before the look-up, so that of many guesses at once no more reach a store than the budget allows.
    budget?.count(ip)
    try {
      const found = resolve(token, { request, fresh: false, dpop: false, clock })
      const principal = await withTimeout(Promise.resolve(found), deadline, 'a resolver')
      budget?.giveBack(ip)
      return principal
    } catch (fault) {
      const isKnown = fault instanceof UnknownForm || fault instanceof EndedCredential
      if (isKnown || !isInvalidCredential(fault)) budget?.giveBack(ip)
      if (fault instanceof EndedCredential) budget?.count(ip, token)
      if (!isInvalidCredential(fault)) throw fault
      return undefined
    }
  }

  function emitOnce ({ kind, id, workspace, environment, owner, version = 0 }: Principal): void {
    const name = `exposed ${kind} ${workspace} ${id}`
    if (!once.isFirst(name, PERIOD)) return
    const now = clock()
    const event = { id: eventId(name, version, Math.floor(now / PERIOD / 1000)), at: new Date(now), workspace }
    const subject = { id, ...owner !== undefined && { owner } }
    if (kind === 'api-key') emit({ ...event, type: 'key.exposed', data: { key: { ...subject, environment } } })
    else emit({ ...event, type: 'token.exposed', data: { principal: { kind, ...subject }, environment } })
  }

  return function report (request, place) {
    if (!hasListeners('key.exposed') && !hasListeners('token.exposed')) return
    lookUp(request, place).catch((fault: unknown) => {
      const message = 'an exposed credential could not be reported'
      writeLog(() => request.log.error({ reason: describeFault(fault) }, message), message)
    })
  }
}

function tokensInHeader ({ raw }: FastifyRequest, readable: Readable): string[] {
  const presented = readCredential(raw, readable)
  return presented.type === 'token' ? [presented.token] : []
}

function tokensInQuery ({ query }: FastifyRequest, readable: Readable): string[] {
  if (typeof query !== 'object' || query === null) return []
  return Object.values(query).flat().flatMap((value: unknown) => {
    if (typeof value !== 'string') return []
    const presented = readAuthorization(`Bearer ${value}`, readable)
    return presented.type === 'token' ? [presented.token] : []
  })
}
