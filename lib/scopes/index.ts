import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { contextOf } from '../core/access-context.js'
import { checkOptions, OptionError, withMethods } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { ScopeTable } from './catalogue.js'
import { createRequirements } from './requirement.js'
import { insufficientScope, schemeOf, wrongKind } from './require.js'

export interface ScopesOptions {
  /** What `defineScopes` returned. */
  scopes: ScopeTable
  /** Security schemes that routes may name, with the kind of principal each stands for. */
  schemes: ReadonlyArray<{ readonly scheme: string, readonly kind: Principal['kind'] }>
  /** Where the declared requirement is checked; `onRequest` by default, before any body is parsed. */
  hook?: 'onRequest' | 'preHandler' | undefined
}

export const scopesOptions = {
  scopes: withMethods(['grant', 'require', 'has', 'byMethod'], 'what defineScopes returned'),
  hook: Type.Optional(Type.Union([Type.Literal('onRequest'), Type.Literal('preHandler')], { description: '\'onRequest\' or \'preHandler\'' }))
}

const schemes = Type.Array(Type.Object({ scheme: Type.String(), kind: Type.String() }), { description: 'an array of { scheme, kind }' })

/** Checks each route's declared requirement against what the principal was granted; at boot, that it can be met at all. */
export const scopes = fp<ScopesOptions>(async function latchkeyScopes (app: FastifyInstance, options: ScopesOptions) {
  checkOptions(Type.Object({ ...scopesOptions, schemes }, { additionalProperties: false }), options, '')
  const ground = contextOf(app)
  const requirements = createRequirements(options.scopes, options.schemes)

  app.addHook('onReady', async function checkRequirements () {
    const faults = ground.routes.flatMap((route) => requirements.faultsOf(route).map((fault) => `${route.method} ${route.url} ${fault}`))
    if (faults.length > 0) throw new OptionError(faults.join('\n'))
  })

  function checkScopes (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
    const { principal } = request
    const access = ground.accessOf(request)
    if (principal === null) {
      if (access.mode === 'public' || access.mode === 'optional' || access.preflight) return done()
      return ground.refuse(request, reply, ground.refusal('CREDENTIAL_MISSING'))
    }
    if (requirements.satisfiedBy(principal, access)) return done()
    const faults = requirements.faultsOf(access)
    if (faults.length > 0) return ground.refuse(request, reply, ground.refusal('ROUTE_UNDECLARED', { reason: `${access.method} ${access.url} ${faults.join('; ')}` }))
    const own = requirements.ofKind(principal.kind, access)
    const scheme = schemeOf(ground, request)
    ground.refuse(request, reply, own.length > 0 ? insufficientScope(ground, own, principal, scheme) : wrongKind(ground, access.alternatives, principal, scheme))
  }
  if (options.hook === 'preHandler') app.addHook('preHandler', checkScopes)
  else app.addHook('onRequest', checkScopes)
}, { name: 'latchkey-scopes', fastify: '5.x', dependencies: ['latchkey-auth'] })

export { defineScopes, type Catalogue, type Declaration } from './declare.js'
export type { Resources, ScopesDefinition, ScopesOf, ScopeTable } from './catalogue.js'
