import { bearer, nameOfPlace, type CredentialPlace } from '../core/credential-place.js'
import { OptionError } from '../core/options.js'
import { createSource, type ResolvingSource } from './resolve.js'
import { takesFrom, type Resolver } from './resolver.js'

/**
 * The places of a context, each with the resolvers that are asked there.
 * @throws OptionError for a place that is there twice or that no resolver takes, and for a resolver that takes none
 */
export function createSources (
  resolvers: readonly Resolver[], places: readonly CredentialPlace[] = [bearer()]
): readonly ResolvingSource[] {
  const names = places.map(nameOfPlace)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new OptionError(`option credentials names ${twice} twice; name each place once`)
  const idle = resolvers.find((resolver) => !places.some((place) => takesFrom(resolver, place)))
  if (idle !== undefined) {
    const taken = (idle.places ?? [bearer()]).map(nameOfPlace).join(', ')
    throw new OptionError(`option credentials names ${names.join(', ')}, and the resolver of ${idle.scheme} takes ` +
      `credentials from ${taken} alone; add that place, or leave the resolver out`)
  }
  return places.map((place) => {
    const asked = resolvers.filter((resolver) => takesFrom(resolver, place))
    if (asked.length > 0) return createSource(place, asked)
    throw new OptionError(`option credentials names ${nameOfPlace(place)}, from which no resolver takes credentials: ` +
      'access tokens come as bearer() alone; leave the place out, or add a resolver that has it in places')
  })
}
