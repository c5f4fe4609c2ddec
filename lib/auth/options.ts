import { Type } from '@sinclair/typebox'
import { isCredentialPlace, type CredentialPlace } from '../core/credential-place.js'
import { accepted } from '../core/options.js'
import type { Emitter } from '../events/index.js'
import type { Environments } from './environment.js'
import type { FailureQuota } from './failure-budget.js'
import { isResolver, type Resolver } from './resolver.js'
import type { allowPlainHttp } from './transport.js'

export interface AuthOptions {
  /** Turn a credential into a principal; asked in this order. */
  resolvers: readonly Resolver[]
  /** The environment, or environments, that this host serves; credentials of others get 403. */
  environment: Environments
  /** `allowPlainHttp` for local development; otherwise requests over plain HTTP get 403, except on public routes. */
  transport?: typeof allowPlainHttp | undefined
  /**
   * Where a request may present its credential; `[bearer()]` by default. A request presents one: two are 400, whatever
   * their places.
   */
  credentials?: readonly CredentialPlace[] | undefined
  /** Seconds that a resolver may take before the request gets 503; 1 by default. */
  deadline?: number | undefined
  /** Failed attempts that one address may make; 300 in 60 seconds by default, `false` for no bound. */
  failures?: FailureQuota | false | undefined
  /** What `createEvents` returned: emits `key.exposed` and `token.exposed`. */
  events?: Emitter | undefined
}

const aResolver =
  'a resolver: { scheme, kind: \'api-key\' or \'access-token\', description, resolve (token, now, lookup) }'

const aPlace = 'bearer(), header(name) or basic(), imported from fastify-latchkey'

export const authOptions = {
  resolvers: Type.Array(accepted(isResolver, aResolver), {
    minItems: 1, description: 'an array with at least one resolver'
  }),
  environment: Type.Union([
    Type.String({ minLength: 1 }),
    Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
    Type.Function([], Type.Unknown())
  ], {
    description:
      'the environment this host serves, such as \'production\', an array of them or a function of the request'
  }),
  transport: Type.Optional(Type.Symbol({ description: 'allowPlainHttp, imported from fastify-latchkey, or left out' })),
  credentials: Type.Optional(Type.Array(accepted(isCredentialPlace, aPlace), {
    minItems: 1, maxItems: 8, description: `an array of 1 to 8 places: ${aPlace}`
  })),
  deadline: Type.Optional(Type.Number({
    exclusiveMinimum: 0, maximum: 60, description: 'seconds above 0 and at most 60'
  })),
  failures: Type.Optional(Type.Union([
    Type.Object({
      quota: Type.Integer({ minimum: 1 }),
      window: Type.Integer({
        minimum: 1, maximum: 86_400, description: 'a whole number of seconds from 1 to 86400'
      })
    }, { additionalProperties: false }),
    Type.Literal(false)
  ], {
    description: '{ quota, window }, a quota of at least 1 attempt and a window of 1 to 86400 whole seconds, or false'
  }))
}

export const authSchema = Type.Object({
  ...authOptions, events: Type.Optional(Type.Unknown())
}, { additionalProperties: false })
