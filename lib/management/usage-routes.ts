import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Principal } from '../core/principal.js'
import type { Keys } from '../keys/index.js'
import type { Usage, UsageRange } from '../usage/index.js'
import type { Frame } from './frame.js'
import { instantOf } from './instant.js'
import { Params } from './key-schemas.js'
import type { Body, InWorkspaceQuery } from './schemas.js'
import { KeyUsageQuery, usageAnswers, UsageQuery } from './usage-schemas.js'

interface UsageOfKey {
  Params: Body<typeof Params>
  Querystring: Body<typeof KeyUsageQuery>
}

export interface UsageRoutesDeps extends Pick<Frame, 'context' | 'declare'> {
  readonly keys: Pick<Keys, 'get'>
  readonly usage: Usage
  readonly callerOf: (request: FastifyRequest<InWorkspaceQuery>) => Promise<{ readonly by: Principal }>
}

/** Reports of how many requests keys have sent; for callers that may see these keys. */
export function addUsageRoutes (app: FastifyInstance, deps: UsageRoutesDeps): void {
  const { keys, usage, callerOf, context, declare } = deps

  app.get<{ Querystring: Body<typeof UsageQuery> }>('/usage', declare({
    scope: 'read',
    name: 'usage',
    summary: 'Report how many requests the keys send',
    takes: { querystring: UsageQuery },
    answers: { 200: usageAnswers.workspace },
    refuses: ['USAGE_UNAVAILABLE']
  }), async (request) => {
    const { by: { workspace, environment } } = await callerOf(request)
    const ids = request.query.keys?.split(',')
    return await usage.ofWorkspace(workspace, { environment, ...rangeOf(request.query), keys: ids })
  })

  app.get<UsageOfKey>('/:id/usage', declare({
    scope: 'read',
    name: 'key_usage',
    summary: 'Report how many requests a key sends',
    takes: { params: Params, querystring: KeyUsageQuery },
    answers: { 200: usageAnswers.key },
    refuses: ['USAGE_UNAVAILABLE']
  }), async (request) => {
    const caller = await callerOf(request)
    const { id, workspace, environment, tier } = await keys.get(caller.by.workspace, request.params.id, caller)
    const report = await usage.of(workspace, id, { environment, ...rangeOf(request.query) })
    const policies = context.policiesOf({ environment, ...tier !== undefined && { tier } })
    return { ...report, limits: policies.map(({ name, quota, window }) => ({ name, quota, window })) }
  })
}

/** @throws AccessError for an instant that does not exist */
function rangeOf ({ by, from, to }: Body<typeof KeyUsageQuery>): UsageRange {
  return {
    by,
    ...from !== undefined && { from: instantOf('from', from) },
    ...to !== undefined && { to: instantOf('to', to) }
  }
}
