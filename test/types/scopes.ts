import { defineScopes, type Catalogue, type Principal } from 'fastify-latchkey'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
type NameOf<C> = C extends Catalogue<infer S> ? S : never

/** Compiles where `Fact` is true. */
export function holds<Fact extends true> (): Fact | undefined {
  return undefined
}

/** Never called: what it holds is for the compiler to judge. */
export function judgeResources (principal: Principal): void {
  const scopes = defineScopes({
    resources: { devices: ['read', 'write', 'manage'], reports: ['read', 'export'] },
    implies: { 'reports:export': ['reports:read', 'devices:read'] }
  })
  holds<Equal<NameOf<typeof scopes>, 'devices:read' | 'devices:write' | 'devices:manage' | 'reports:read' | 'reports:export'>>()
  holds<Equal<typeof scopes.names[number], NameOf<typeof scopes>>>()

  scopes.secure()
  scopes.secure('devices:read', 'reports:export', { profile: 'heavy', cost: 2 })
  scopes.anyOf('devices:read', ['devices:write', 'reports:read'], { cost: 0 })
  scopes.requireScopes('devices:manage')
  scopes.permits(principal, 'devices:read', 'reports:read')

  // @ts-expect-error secure: a typo in the action
  scopes.secure('devices:reed')
  // @ts-expect-error secure: a typo behind a scope that is declared
  scopes.secure('devices:read', 'devices:reed')
  // @ts-expect-error secure: an action of another resource
  scopes.secure('devices:export')
  // @ts-expect-error secure: there are no wildcards
  scopes.secure('devices:*')
  // @ts-expect-error secure: a resource is no scope
  scopes.secure('devices')
  // @ts-expect-error secure: case matters
  scopes.secure('devices:Read')
  // @ts-expect-error secure: names of birth are no scopes
  scopes.secure('__proto__')
  // @ts-expect-error secure: all-of is a list of arguments, not an array
  scopes.secure(['devices:read', 'devices:write'])
  // @ts-expect-error secure: a text of any value
  scopes.secure(principal.id)
  // @ts-expect-error secure: a rate limit has profile and cost
  scopes.secure('devices:read', { costs: 2 })
  // @ts-expect-error anyOf: a typo in an alternative
  scopes.anyOf('devices:read', 'devices:reed')
  // @ts-expect-error anyOf: a typo inside an alternative
  scopes.anyOf('devices:read', ['devices:write', 'devices:reed'])
  // @ts-expect-error anyOf: alternatives are not nested deeper
  scopes.anyOf([['devices:read']])
  // @ts-expect-error requireScopes: a typo
  scopes.requireScopes('devices:reed')
  // @ts-expect-error requireScopes: costs nothing of its own
  scopes.requireScopes('devices:read', { cost: 2 })
  // @ts-expect-error permits: a typo
  scopes.permits(principal, 'devices:reed')
  // @ts-expect-error permits: nobody is no principal
  scopes.permits(null, 'devices:read')
  // @ts-expect-error open: states nothing more
  scopes.open('devices:read')
}

/** Never called. */
export function judgeDefinitions (): void {
  // @ts-expect-error implies: a scope that includes others must be declared
  defineScopes({ resources: { devices: ['read', 'write'] }, implies: { 'devices:reed': ['devices:read'] } })
  // @ts-expect-error implies: so must those that it includes
  defineScopes({ resources: { devices: ['read', 'write'] }, implies: { 'devices:write': ['devices:reed'] } })
  // @ts-expect-error implies: a list, not one scope
  defineScopes({ resources: { devices: ['read', 'write'] }, implies: { 'devices:write': 'devices:read' } })
  // @ts-expect-error methods: must name a level
  defineScopes({ levels: ['READ', 'WRITE'], methods: { DELETE: 'ADMIN' } })
  // @ts-expect-error methods: a scope of a resource is no level
  defineScopes({ levels: ['READ'], resources: { devices: ['read'] }, methods: { DELETE: 'devices:read' } })
  // @ts-expect-error methods: mean nothing without levels
  defineScopes({ resources: { devices: ['read'] }, methods: { DELETE: 'devices:read' } })
  // @ts-expect-error resources: actions are a list
  defineScopes({ resources: { devices: 'read' } })
  // @ts-expect-error a typo in the definition itself
  defineScopes({ resource: { devices: ['read'] } })
  defineScopes({ levels: ['READ', 'WRITE'], resources: { events: ['send'] }, implies: { WRITE: ['events:send'], 'events:send': ['READ'] } })
}

/** Never called. */
export function judgeLevels (principal: Principal): void {
  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })
  holds<Equal<NameOf<typeof levels>, 'READ' | 'WRITE' | 'ADMIN'>>()

  levels.secure('ADMIN')
  levels.permits(principal, 'READ')
  // @ts-expect-error secure: no such level
  levels.secure('OWNER')
  // @ts-expect-error anyOf: no such level
  levels.anyOf('READ', 'OWNER')
  // @ts-expect-error requireScopes: no such level
  levels.requireScopes('OWNER')
  // @ts-expect-error permits: no such level
  levels.permits(principal, 'OWNER')
}
