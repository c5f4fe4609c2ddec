/**
 * `fastify-latchkey/scopes`: what a route needs, declared in its schema and checked at boot and at each request; also
 * a plugin of its own.
 */

import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from '@sinclair/typebox'
import { contextOf, type AccessContext } from '../core/access-context.js'
import { createAdmitStep } from '../core/admit.js'
import { checkOptions, OptionError, withMethods } from '../core/options.js'
import { listFaults } from '../core/route-faults.js'
import { createHook, type Step } from '../core/step.js'
import { createAuthorizeStep } from './authorize.js'
import type { ScopeTable } from './catalogue.js'
import { createRequirements, type Scheme } from './requirement.js'

export interface ScopesOptions {
  /** What `defineScopes` returned. */
  scopes: ScopeTable
  /** Security schemes that routes may name, each with its kind of principal. */
  schemes: readonly Scheme[]
  /** Where the declared requirement is checked; `onRequest` by default, before any body is parsed. */
  hook?: 'onRequest' | 'preHandler' | undefined
}

export const scopesOptions = {
  scopes: withMethods(['grant', 'require', 'has', 'byMethod'], 'what defineScopes returned'),
  hook: Type.Optional(Type.Union([Type.Literal('onRequest'), Type.Literal('preHandler')], {
    description: '\'onRequest\' or \'preHandler\''
  }))
}

const scopesSchema = Type.Object({
  ...scopesOptions,
  schemes: Type.Array(Type.Object({ scheme: Type.String(), kind: Type.String() }), {
    description: 'an array of { scheme, kind }'
  })
}, { additionalProperties: false })

/** The step `authorize`. At boot it checks that all declared requirements can be satisfied. */
export function createAuthorization (
  app: FastifyInstance, context: AccessContext, { scopes, schemes }: Pick<ScopesOptions, 'scopes' | 'schemes'>
): Step {
  const requirements = createRequirements(scopes, schemes)
  app.addHook('onReady', async function checkRequirements () {
    const faults = listFaults(context.routes, requirements.faultsOf)
    if (faults.length > 0) throw new OptionError(faults.join('\n'))
  })
  return createAuthorizeStep(context, requirements, schemes)
}

/**
 * The scope check alone, for hosts that compose Latchkey themselves: compares what a route declares in
 * `schema.security` with what `request.principal` was granted. Register `accessContext` and `auth` first.
 *
 * @throws OptionError at boot, naming the routes whose declaration cannot be satisfied
 */
export const scopes = fp<ScopesOptions>(async function latchkeyScopes (app, options) {
  checkOptions(scopesSchema, options, '')
  const context = contextOf(app)
  const hook = createHook(context, [createAuthorization(app, context, options), createAdmitStep(context)])
  if (options.hook === 'preHandler') app.addHook('preHandler', hook)
  else app.addHook('onRequest', hook)
}, { name: 'latchkey-scopes', fastify: '5.x || 6.x' })

export { defineScopes, type Catalogue, type Declaration } from './declare.js'
export type { ScopeTable } from './catalogue.js'
export type { Resources, ScopesDefinition, ScopesOf } from './definition.js'
