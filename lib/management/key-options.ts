import { Type } from '@sinclair/typebox'
import type { RateLimitDeclaration } from '../core/route-access.js'
import { EXCEEDABLE, type KeyCaller } from '../keys/index.js'
import type { ActorOptions } from './actors.js'
import { presets, type ScopePreset } from './grantable.js'
import { frameOptions } from './frame.js'
import type { RouteScopes } from './route-scopes.js'

export interface KeyRoutesOptions extends ActorOptions {
  /**
   * What a caller needs to see keys; to issue and update them; and to rotate and revoke them; `api_keys:read`,
   * `api_keys:write` and `api_keys:manage` by default.
   */
  scopes?: RouteScopes | undefined
  /** What issuing and rotating count as in the caller's quota; one unit of its own profile by default. */
  issuing?: RateLimitDeclaration | undefined
  /** Fields in which keys may exceed their callers, such as `['owner']` for administrators; none by default. */
  mayExceed?: KeyCaller['mayExceed']
  /** Seconds after which a secret should be rotated, shown as `rotateBy`; not shown by default. 90 days: 7,776,000. */
  rotateEvery?: number | undefined
  /** Bundles of scopes to choose from by name, such as types of keys. A caller sees those that it may grant. */
  presets?: readonly ScopePreset[] | undefined
}

const fields = { description: 'an array of \'owner\', \'tier\' and \'expiresAt\'' }
export const keyRoutesOptions = frameOptions({
  mayExceed: Type.Optional(Type.Array(Type.Union(EXCEEDABLE.map((field) => Type.Literal(field)), fields), fields)),
  issuing: Type.Optional(Type.Object({}, { description: '{ profile, cost }' })),
  rotateEvery: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'seconds above 0' })),
  presets: Type.Optional(presets)
})
