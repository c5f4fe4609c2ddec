import { OptionError } from './options.js'

/** What a host writes to have each member of `app.latchkey`. */
const fixes = {
  authenticate: 'register latchkey, or the auth plugin',
  keys: 'register latchkey with keys: { prefix: \'acme\' }',
  events: 'register latchkey without events: false',
  scopesByResource: 'register latchkey',
  webhooks: 'register the plugin webhooks of fastify-latchkey/webhooks'
}

/**
 * The prototype of `app.latchkey`: a member that this server does not have throws when it is read, so that its type
 * need not be "or undefined" for all who have it.
 */
export const missingMembers: object = Object.create(null, Object.fromEntries(
  Object.entries(fixes).map(([name, fix]) => [name, {
    get (): never { throw new OptionError(`this server has no app.latchkey.${name}; ${fix}`) }
  }])
))
