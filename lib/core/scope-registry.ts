/**
 * Registers the type of the host's catalogue, so that scopes are checked at compile time also where no catalogue is
 * passed, such as in tests:
 *
 * ```ts
 * declare module 'fastify-latchkey' {
 *   interface Register { scopes: typeof scopes }
 * }
 * ```
 */
export interface Register {}

/** The scopes of the registered catalogue, or any string where none is registered. */
export type ScopeName =
  Register extends { scopes: { readonly names: ReadonlyArray<infer Name extends string> } } ? Name : string
