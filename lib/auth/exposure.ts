import type { FastifyRequest } from 'fastify'
import { withTimeout, type Clock } from '../core/clock.js'
import {
  basic, bearer, COMMON_KEY_FIELDS, header, nameOfPlace, type CredentialPlace
} from '../core/credential-place.js'
import { describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import { writeLog } from '../core/write-log.js'
import { createOncePerWindow, eventId, type Emitter } from '../events/index.js'
import type { FailureBudget } from './failure-budget.js'
import { readToken } from './header.js'
import { createCredentialCollector } from './reader.js'
import { createSource, type Resolve, type ResolvingSource } from './resolve.js'
import { EndedCredential, isInvalidCredential, takesFrom, UnknownForm, type Resolver } from './resolver.js'

/** How others could read a credential: sent without TLS, or in a URL, which logs and browser histories keep. */
type Exposure = 'plain-http' | 'query'

/** Emits an event for each real credential that a request exposed. The request does not wait for it. */
export type ExposureReport = (request: FastifyRequest, exposure: Exposure) => void

export interface ExposureDeps {
  readonly resolvers: readonly Resolver[]
  /** The places that are read. */
  readonly places: readonly CredentialPlace[]
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

export function createExposureReport (deps: ExposureDeps): ExposureReport {
  const { resolvers, places, clock, deadline, budget, events } = deps
  if (events === undefined) return function reportNothing () {}
  const { emit, hasListeners } = events
  const once = createOncePerWindow(clock)
  // A resolver that takes any text, such as an introspection endpoint, must not be sent what was meant for others.
  const known = resolvers.filter(({ anyForm }) => anyForm !== true)
  const query = createSource(bearer(), known)
  // A place that is not read may have a real credential too: its client was moved half-way, or guesses.
  const unread = [bearer(), basic(), ...COMMON_KEY_FIELDS.map(header)]
    .filter((one) => !places.some((place) => nameOfPlace(place) === nameOfPlace(one)))
  const collect = createCredentialCollector([
    ...places.map((place) => createSource(place, resolvers.filter((resolver) =>
      resolver.anyForm !== true || takesFrom(resolver, place)))),
    ...unread.map((place) => createSource(place, known))
  ])

  async function lookUp (request: FastifyRequest, exposure: Exposure): Promise<void> {
    const { ip } = request
    const candidates = [...exposure === 'query' ? [] : collect(request.raw), ...tokensInQuery(request, query)]
    for (const { token, at } of candidates.slice(0, MAX_VALUES)) {
      if (budget?.exceeded({ ip }) !== undefined) return
      if (budget?.exceededBy({ ip }, token) !== undefined) continue
      const principal = await identify(at.resolve, token, request, ip)
      if (principal !== undefined) emitOnce(principal)
    }
  }

  async function identify (
    resolve: Resolve, token: string, request: FastifyRequest, ip: string
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

  return function report (request, exposure) {
    if (!hasListeners('key.exposed') && !hasListeners('token.exposed')) return
    lookUp(request, exposure).catch((fault: unknown) => {
      const message = 'an exposed credential could not be reported'
      writeLog(() => request.log.error({ reason: describeFault(fault) }, message), message)
    })
  }
}

function tokensInQuery ({ query }: FastifyRequest, at: ResolvingSource) {
  if (typeof query !== 'object' || query === null) return []
  return Object.values(query).flat().flatMap((value: unknown) => {
    const presented = typeof value === 'string' ? readToken(value, at) : undefined
    return presented?.type === 'token' ? [presented] : []
  })
}
