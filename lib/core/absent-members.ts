import { OptionError } from './options.js'

const ABSENT: ReadonlyMap<string | symbol, string> = new Map([
  ['keys', 'option keys is false; write keys: { prefix }'],
  ['events', 'option events is false; leave it out'],
  ['usage', 'option usage is left out; write usage: { store }'],
  ['webhooks', 'register the plugin webhooks of fastify-latchkey/webhooks first']
])

/**
 * The prototype of `app.latchkey`. The types name members as if they were there, so reading one that is not throws an
 * error that says why, and `in` says whether it is there.
 */
export const absentMembers: object = new Proxy(Object.freeze(Object.create(null)), {
  get (_target, name) {
    const fix = ABSENT.get(name)
    if (fix === undefined) return undefined
    throw new OptionError(`app.latchkey.${String(name)} is not there: ${fix}, or ask '${String(name)}' in app.latchkey`)
  }
})
