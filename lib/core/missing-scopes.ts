import type { RefusalDetails } from './errors.js'
import type { Principal } from './principal.js'
import type { Alternative } from './route-access.js'

/** What an `INSUFFICIENT_SCOPE` refusal says when a principal satisfies none of the alternatives. */
export function describeMissingScopes (
  alternatives: readonly Alternative[], { scopes: granted }: Pick<Principal, 'scopes'>
): RefusalDetails {
  const required = scopeLists(alternatives)
  const wanted = required.map((scopes) => scopes.join(' and ') || 'another kind of credential').join(', or ')
  return {
    reason: `needs ${wanted}`,
    detail: `This operation requires ${wanted}; the credential grants ${granted.join(', ') || 'nothing'}.`,
    extensions: { required, granted },
    scope: required.slice(0, 1).flat()
  }
}

/** The lists of scopes that suffice, each once. */
export function scopeLists (alternatives: readonly Alternative[]): Array<readonly string[]> {
  return [...new Map(alternatives.map(({ scopes }) => [JSON.stringify(scopes), scopes])).values()]
}
