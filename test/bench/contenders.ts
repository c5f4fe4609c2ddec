import type { Shape } from './servers/contender.js'

export interface Row {
  readonly name: string
  /** File under servers/ that builds it. */
  readonly server: string
  readonly shape: Shape
  /** Header fields every answer must carry; a row that names some is expected to guard. */
  readonly fields: readonly string[]
  /** Name of the row that this one's speed is compared to. */
  readonly base: string
  /** Name of the row that does the same without Latchkey: how many times this one's CPU time it takes. */
  readonly rival?: string
  /**
   * Rows of equal shape that name the same are served by one process, each at a port of its own: what one process has before
   * another, by where its memory lies, is more than they differ.
   */
  readonly beside?: string
  /** Counts in the bench's Redis, whose CPU time is measured beside the server's. */
  readonly redis?: true
}

const SHAPE: Shape = { keys: 1000, routes: 1, scopes: 10, policies: 1 }
const DRAFT = ['ratelimit', 'ratelimit-policy']
const OLD_DRAFT = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']

export const speed: readonly Row[] = [
  { name: 'plain', server: 'plain', shape: SHAPE, fields: [], base: 'plain' },
  { name: 'latchkey-memory', server: 'latchkey-memory', shape: SHAPE, fields: DRAFT, base: 'plain', rival: 'glued-memory' },
  { name: 'glued-memory', server: 'glued-memory', shape: SHAPE, fields: OLD_DRAFT, base: 'plain' },
  { name: 'latchkey-redis', server: 'latchkey-redis', shape: SHAPE, fields: DRAFT, base: 'plain', rival: 'glued-redis', redis: true },
  { name: 'glued-redis', server: 'glued-redis', shape: SHAPE, fields: OLD_DRAFT, base: 'plain', redis: true },
  { name: 'plain-tokens', server: 'plain-tokens', shape: SHAPE, fields: [], base: 'plain' },
  { name: 'jwt-cached', server: 'jwt-cached', shape: SHAPE, fields: DRAFT, base: 'plain', rival: 'glued-jwt-cached' },
  { name: 'jwt-es256', server: 'jwt-es256', shape: SHAPE, fields: DRAFT, base: 'plain', rival: 'glued-jwt-es256' },
  { name: 'jwt-rs256', server: 'jwt-rs256', shape: SHAPE, fields: DRAFT, base: 'plain' },
  { name: 'glued-jwt-cached', server: 'glued-jwt-cached', shape: SHAPE, fields: OLD_DRAFT, base: 'plain' },
  { name: 'glued-jwt-es256', server: 'glued-jwt-es256', shape: SHAPE, fields: OLD_DRAFT, base: 'plain' },
  { name: 'handwritten', server: 'handwritten', shape: SHAPE, fields: DRAFT, base: 'plain' }
]

function plain (name: string, routes: number): Row {
  return { name, server: 'plain', shape: { ...SHAPE, routes }, fields: [], base: name }
}

function grown (name: string, base: string, shape: Partial<Shape>): Row {
  return { name, server: 'latchkey-memory', shape: { ...SHAPE, routes: 10, ...shape }, fields: DRAFT, base }
}

/** What the cost of a request grows with: each row varies one thing of `10-routes-10-scopes-1-policy`. */
export const growth: readonly Row[] = [
  plain('plain-10-routes', 10),
  plain('plain-1000-routes', 1000),
  grown('10-routes-10-scopes-1-policy', 'plain-10-routes', {}),
  grown('1000-routes', 'plain-1000-routes', { routes: 1000 }),
  grown('500-scopes', 'plain-10-routes', { scopes: 500 }),
  grown('2-policies', 'plain-10-routes', { policies: 2 }),
  grown('4-policies', 'plain-10-routes', { policies: 4 })
]

/** What verifying a credential that the process holds costs a whole request: keys, by where they live, and tokens. */
export const held: readonly Row[] = ['held-memory', 'held-pglite', 'held-redis', 'jwt-cached'].map((name) =>
  ({ name, server: name, shape: SHAPE, fields: DRAFT, base: 'held-memory', beside: 'held' }))
