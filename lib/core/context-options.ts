import { Type } from '@sinclair/typebox'
import type { Clock } from './clock.js'
import { renderers, type ErrorFormat } from './error-formats.js'
import type { RateLimitFormat } from './rate-limit-headers.js'
import type { Security, Undeclared } from './route-access.js'

export interface AccessContextOptions {
  /** The body of a refusal; `problem` (RFC 9457) by default. */
  errors?: ErrorFormat | undefined
  /** What to do with a route that declares nothing; by default the server refuses to start. */
  undeclared?: Undeclared | undefined
  /**
   * Who may ask for a path without a route: `authenticate` (default) is any valid credential, so that strangers do not
   * learn which paths exist; `public` is everybody, and the host's own 404 answers.
   */
  unknownPaths?: 'authenticate' | 'public' | undefined
  /** What a route without a declaration of its own declares by its method; a catalogue with levels has it. */
  byMethod?: ((method: string) => Security | undefined) | undefined
  /** Which RateLimit fields responses carry; `draft` by default, `false` for none. */
  rateLimitFields?: RateLimitFormat | readonly RateLimitFormat[] | false | undefined
  /** Protection space of challenges (RFC 9110 §11.5); `api` by default. */
  realm?: string | undefined
  /** Milliseconds since the epoch; the system's clock by default. */
  clock?: Clock | undefined
}

const format = (name: string) => Type.Literal(name)
const rateLimitFormat = Type.Union([format('draft'), format('trio'), format('x-ratelimit')])
const callable = Type.Function([], Type.Unknown())

export const contextOptions = {
  errors: Type.Optional(Type.Union([...Object.keys(renderers).map(format), format('throw'), callable], {
    description: '\'problem\', \'error\', \'detail\', \'error-message\', \'throw\' or a function of the error'
  })),
  undeclared: Type.Optional(Type.Union([format('refuse'), format('authenticate'), callable], {
    description: '\'refuse\', \'authenticate\' or a function of the route'
  })),
  unknownPaths: Type.Optional(Type.Union([format('authenticate'), format('public')], {
    description: '\'authenticate\' or \'public\''
  })),
  byMethod: Type.Optional(Type.Function([], Type.Unknown(), { description: 'a function of the method' })),
  rateLimitFields: Type.Optional(Type.Union([rateLimitFormat, Type.Array(rateLimitFormat), Type.Literal(false)], {
    description: '\'draft\', \'trio\', \'x-ratelimit\', an array of these or false'
  })),
  realm: Type.Optional(Type.String({
    pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]+$', description: 'visible ASCII without quotes and backslashes'
  })),
  clock: Type.Optional(Type.Function([], Type.Unknown(), {
    description: 'a function that returns milliseconds since the epoch'
  }))
}

export const contextSchema = Type.Object(contextOptions, { additionalProperties: false })
