import { Type } from '@sinclair/typebox'
import type { RouteAccess } from '../core/route-access.js'
import { OptionError } from '../core/options.js'
import type { Principal } from '../core/principal.js'
import type { Caller } from './caller.js'
import {
  addressPolicySchema, compileForAddresses, compilePolicy, policySchema, type AddressPolicy, type CompiledPolicy,
  type Policy, type Profile
} from './policy.js'

export interface ProfileOptions {
  /** By environment, for principals whose route and tier select no profile. */
  environments?: Readonly<Record<string, Profile>> | undefined
  /** By the principal's `tier`. */
  tiers?: Readonly<Record<string, Profile>> | undefined
  /** By name, for routes: `schema: { 'x-rate-limit': { profile: 'exports' } }`. */
  profiles?: Readonly<Record<string, Profile>> | undefined
  /**
   * For each address of callers without a credential: on public and optional routes, and where they get 401. Left out,
   * they are not counted.
   */
  anonymous?: readonly AddressPolicy[] | undefined
}

const profile = Type.Array(policySchema, {
  maxItems: 16, description: 'an array of at most 16 policies; an empty one is unlimited'
})
const profiles = Type.Record(Type.String(), profile, {
  description: 'an object of profiles: { name: [{ name, quota, window }] }'
})

export const profileOptions = {
  environments: Type.Optional(profiles),
  tiers: Type.Optional(profiles),
  profiles: Type.Optional(profiles),
  anonymous: Type.Optional(Type.Array(addressPolicySchema, {
    maxItems: 16,
    description: 'an array of at most 16 policies, such as [{ name: \'anonymous\', quota: 30, window: 60 }]'
  }))
}

/** For each credential 100 requests a minute in production, 300 in the sandbox. */
export const defaultEnvironments: Readonly<Record<string, Profile>> = {
  production: [{ name: 'production', quota: 100, window: 60 }],
  sandbox: [{ name: 'sandbox', quota: 300, window: 60 }]
}

/** For each credential 1,000 requests an hour with a burst of 100, 10,000 with a burst of 1,000, or unlimited. */
export const defaultTiers: Readonly<Record<string, Profile>> = {
  free: [{ name: 'free', quota: 1_000, window: 3_600, burst: 100 }],
  pro: [{ name: 'pro', quota: 10_000, window: 3_600, burst: 1_000 }],
  enterprise: []
}

export interface Profiles {
  /**
   * Of a principal the route's profile, else the tier's, else the environment's. Of a caller without a credential the
   * route's profile, else `anonymous`.
   * @throws OptionError when none is declared, so that nobody goes uncounted by mistake
   */
  select (access: RouteAccess, caller: Caller): readonly CompiledPolicy[]
  /** The tier's profile, else the environment's; an empty one where none is declared. */
  ofPrincipal (principal: Pick<Principal, 'tier' | 'environment'>): readonly CompiledPolicy[]
  has (profile: string): boolean
  readonly names: readonly string[]
}

interface Selection {
  readonly profile: string | undefined
  readonly tier: string | undefined
  readonly environment: string
  readonly policies: readonly CompiledPolicy[]
}

export function createProfiles (options: ProfileOptions): Profiles {
  const { environments = defaultEnvironments, tiers = defaultTiers, profiles = {}, anonymous = [] } = options
  const byEnvironment = compile(environments, 'environments')
  const byTier = compile(tiers, 'tiers')
  const byName = compile(profiles, 'profiles')
  const forAddresses = compile(profiles, 'profiles', compileForAddresses)
  const ofAnonymous = compileProfile(anonymous, 'anonymous', compileForAddresses)

  function find (
    profile: string | undefined, tier: string | undefined, environment: string
  ): readonly CompiledPolicy[] {
    if (profile !== undefined) return chosen(byName.get(profile), `profiles.${profile}`)
    return chosen(defaultOf(tier, environment), `environments.${environment}`)
  }

  function defaultOf (tier: string | undefined, environment: string): readonly CompiledPolicy[] | undefined {
    const ofTier = tier === undefined ? undefined : byTier.get(tier)
    return ofTier ?? byEnvironment.get(environment)
  }

  /** Most requests select the same profile as the one before. */
  let last: Selection | undefined

  return {
    names: [...byName.keys()],
    has: (name) => byName.has(name),
    ofPrincipal: ({ tier, environment }) => defaultOf(tier, environment) ?? [],
    select ({ profile }, caller) {
      if (caller.kind === 'anonymous') {
        return profile === undefined ? ofAnonymous : chosen(forAddresses.get(profile), `profiles.${profile}`)
      }
      const { tier, environment } = caller
      if (last?.environment !== environment || last.tier !== tier || last.profile !== profile) {
        last = { profile, tier, environment, policies: find(profile, tier, environment) }
      }
      return last.policies
    }
  }
}

function chosen (policies: readonly CompiledPolicy[] | undefined, path: string): readonly CompiledPolicy[] {
  if (policies === undefined) {
    throw new OptionError(`limits.${path} is not declared; add it, with an empty array for unlimited`)
  }
  return policies
}

type CompilePolicy = (policy: Policy) => CompiledPolicy

function compile (
  profiles: Readonly<Record<string, Profile>>, path: string, compileOne: CompilePolicy = compilePolicy
): Map<string, readonly CompiledPolicy[]> {
  return new Map(Object.entries(profiles)
    .map(([name, profile]) => [name, compileProfile(profile, `${path}.${name}`, compileOne)]))
}

function compileProfile (profile: Profile, path: string, compileOne: CompilePolicy): readonly CompiledPolicy[] {
  const names = new Set(profile.map((policy) => policy.name))
  if (names.size !== profile.length) {
    throw new OptionError(`option limits.${path} has two policies of the same name; ` +
      'responses would not distinguish them')
  }
  return Object.freeze(profile.map(compileOne))
}
