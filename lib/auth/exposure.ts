import type { FastifyRequest } from 'fastify'
import { describeFault } from '../core/errors.js'
import type { Principal } from '../core/principal.js'
import { withTimeout, type Clock } from '../core/clock.js'
import type { FailureMeter } from './failures.js'
import { readAuthorization, readCredential, type Readable } from './header.js'
import { InvalidCredential, readableBy, resolve, UnknownForm, type Resolver } from './resolver.js'

/** A real credential that others could read on its way. */
export interface Exposure {
  readonly principal: Principal
  /** `plain-http`: sent without TLS. `query`: sent in a URL, which logs and histories keep. */
  readonly where: 'plain-http' | 'query'
  /** Undefined for clients of a Unix socket. */
  readonly ip: string | undefined
}

interface Parts {
  readonly resolvers: readonly Resolver[]
  readonly clock: Clock
  /** Seconds. */
  readonly deadline: number
  readonly meter: FailureMeter | undefined
  readonly onExposed: ((exposure: Exposure) => void | Promise<void>) | undefined
  readonly wantsExposed: (() => boolean) | undefined
}

/** Most query parameters that are looked at; more is not a mistake of a client but a probe. */
const LOOKED_AT = 8

/** Looks up what a refused request exposed, beside the answer and never in its way; only real credentials are reported. */
export function createExposureReport ({ resolvers, clock, deadline, meter, onExposed, wantsExposed = () => true }: Parts) {
  if (onExposed === undefined) return function nobodyListens (): void {}
  const readable = readableBy(resolvers)
  /** Whatever stands in a query must not be shown to who would take any text for a token. */
  const ofKnownForm = resolvers.filter(({ anyForm }) => anyForm !== true)

  async function look (request: FastifyRequest, where: Exposure['where']): Promise<void> {
    const { ip } = request
    meter?.note(request)
    const inQuery = tokensInQuery(request, readable).map((token) => ({ token, asked: ofKnownForm }))
    const tokens = where === 'query' ? inQuery : [...tokenInHeader(request, readable).map((token) => ({ token, asked: resolvers })), ...inQuery]
    for (const { token, asked } of tokens.slice(0, LOOKED_AT)) {
      if (await meter?.exceeded(request) !== undefined) return
      const principal = await identify(request, token, asked)
      if (principal !== undefined) await onExposed?.({ principal, where, ip })
    }
  }

  async function identify (request: FastifyRequest, token: string, asked: readonly Resolver[]): Promise<Principal | undefined> {
    try {
      return await withTimeout(Promise.resolve(resolve(asked, token, { request, fresh: false, dpop: false, clock })), deadline, 'a resolver')
    } catch (fault) {
      if (!(fault instanceof InvalidCredential)) throw fault
      if (!(fault instanceof UnknownForm)) await meter?.count(request)
      return undefined
    }
  }

  return function report (request: FastifyRequest, where: Exposure['where']): void {
    if (!wantsExposed()) return
    look(request, where).catch((fault: unknown) => {
      request.log.error({ reason: describeFault(fault) }, 'an exposed credential was not reported')
    })
  }
}

function tokenInHeader ({ raw }: FastifyRequest, readable: Readable): string[] {
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
