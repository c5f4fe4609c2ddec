import Fastify from 'fastify'
import { defineScopes, type Catalogue, type Declaration, type Principal } from 'fastify-latchkey'
import { holds, typeOf, type Equal } from './equal.js'

/** Compiled, never run. */
export function typed (principal: Principal): void {
  const scopes = defineScopes({
    resources: { devices: ['read', 'write', 'manage'], deployments: ['read', 'stage'] },
    implies: { 'deployments:stage': ['deployments:read', 'devices:read'] },
  })
  type Name = 'devices:read' | 'devices:write' | 'devices:manage' | 'deployments:read' | 'deployments:stage'
  holds<Equal<typeof scopes, Catalogue<Name>>>()
  holds<Equal<(typeof scopes.names)[number], Name>>()
  holds<Equal<ReturnType<typeof scopes.expand>, Name[]>>()

  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'], methods: { DELETE: 'ADMIN' } })
  holds<Equal<typeof levels, Catalogue<'READ' | 'WRITE' | 'ADMIN'>>>()
  const both = defineScopes({ levels: ['READ'], resources: { events: ['send'] }, implies: { READ: ['events:send'] } })
  typeOf(both).is<Catalogue<'READ' | 'events:send'>>(true)

  const some: Declaration = scopes.secure('devices:read', 'deployments:stage', { profile: 'heavy', cost: 5 })
  scopes.secure(...scopes.names)
  scopes.secure()
  scopes.secure({ cost: 2 })
  scopes.anyOf('devices:read', ['devices:write', 'deployments:read'], { profile: 'heavy' })
  scopes.permits(principal, 'devices:read')
  const given: string = some.security.map((one) => Object.keys(one).join()).join()
  if (scopes.has(given)) holds<Equal<typeof given, Name>>()

  // @ts-expect-error unknown action
  scopes.secure('devices:reed')
  // @ts-expect-error an action of another resource
  scopes.secure('devices:stage')
  // @ts-expect-error an unknown scope beside a known one
  scopes.secure('devices:read', 'devices:reed')
  // @ts-expect-error a list is no scope
  scopes.secure(['devices:read'])
  // @ts-expect-error nothing is no scope
  scopes.secure(undefined)
  // @ts-expect-error unknown word of a rate limit
  scopes.secure('devices:read', { price: 5 })
  // @ts-expect-error a cost is a number
  scopes.secure('devices:read', { cost: '5' })
  // @ts-expect-error unknown alternative
  scopes.anyOf('devices:read', 'devices:reed')
  // @ts-expect-error unknown scope inside an alternative
  scopes.anyOf(['devices:read', 'devices:reed'])
  // @ts-expect-error unknown scope
  scopes.requireScopes('devices:reed')
  // @ts-expect-error a rate limit is no scope
  scopes.requireScopes('devices:read', { cost: 5 })
  // @ts-expect-error unknown scope
  scopes.permits(principal, 'devices:reed')
  // @ts-expect-error any string
  scopes.secure(given)
  // @ts-expect-error unknown level
  levels.secure('OWNER')
  // @ts-expect-error case matters
  levels.requireScopes('read')
  // @ts-expect-error what is declared can't be changed
  scopes.names.push('devices:read')
}

/** Definitions that contradict themselves. */
export function definitions (): void {
  // @ts-expect-error unknown scope that implies
  defineScopes({ resources: { devices: ['read'] }, implies: { 'devices:reed': ['devices:read'] } })
  // @ts-expect-error unknown scope that is implied
  defineScopes({ resources: { devices: ['read'] }, implies: { 'devices:read': ['devices:reed'] } })
  // @ts-expect-error unknown level of a method
  defineScopes({ levels: ['READ', 'WRITE'], methods: { DELETE: 'ADMIN' } })
  // @ts-expect-error a method needs levels
  defineScopes({ resources: { devices: ['read'] }, methods: { DELETE: 'devices:read' } })
  // @ts-expect-error actions are a list
  defineScopes({ resources: { devices: 'read' } })
  // @ts-expect-error unknown option
  defineScopes({ resource: { devices: ['read'] } })
}

/** The hook fits wherever a host hangs it. */
export function hooks (): void {
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  const app = Fastify()
  const check = scopes.requireScopes('devices:read')
  app.addHook('onRequest', check)
  app.addHook('preHandler', check)
  app.get('/', { onRequest: check, preValidation: check, preHandler: [check], schema: { ...scopes.secure('devices:read'), summary: 'x', querystring: { type: 'object' } } }, async () => null)
  app.route({ method: 'GET', url: '/', schema: { security: [{ apiKey: ['devices:read'] }, {}], 'x-rate-limit': { profile: 'heavy' } }, handler: async () => null })
  app.get<{ Params: { id: string } }>('/:id', { preHandler: check, schema: scopes.public() }, async ({ params }) => params.id)
  // @ts-expect-error a scheme holds a list of scopes
  app.get('/', { schema: { security: [{ apiKey: 'devices:read' }] } }, async () => null)
  // @ts-expect-error a cost is a number
  app.get('/', { schema: { 'x-rate-limit': { cost: '1' } } }, async () => null)
}
