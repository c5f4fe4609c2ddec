import type { Answer, Api, Place } from './api.js'
import type { Actor, Stored } from './form.js'

/** What all requests of an element have in common: where a person acts. */
export interface Places<C extends Actor> {
  readonly place: Place
  /** Who is asking there; where a person may not act any more, in the place that the server chooses. */
  enter (): Promise<Answer<C>>
  go (to: Place): void
  /** Asks for a change. @param environment in the place of the present one */
  change<T> (method: string, path: string, body: object, environment?: string): Promise<Answer<T>>
  get<R> (record: Stored): Promise<Answer<R>>
}

/** @param onMove called with a place that is another than the server's choice */
export function createPlaces<C extends Actor> (api: Api, onMove: (place: Place) => void): Places<C> {
  let place: Place = {}

  function go (to: Place): void {
    place = to
    onMove(to)
  }

  async function enter (): Promise<Answer<C>> {
    const asked = place
    const answer = await api.ask<C>('GET', '/caller', { ...asked })
    if (asked !== place) return answer
    // A link may name a workspace that a person has left since.
    if (!answer.ok && answer.trouble.kind === 'missing' && Object.keys(asked).length > 0) {
      go({})
      return await enter()
    }
    if (answer.ok) place = { workspace: answer.value.workspace, environment: answer.value.environment }
    return answer
  }

  return {
    get place () { return place },
    enter,
    go,
    change: (method, path, body, environment = place.environment) =>
      api.ask(method, path, { ...place, environment }, body),
    get: ({ id }) => api.ask('GET', `/${encodeURIComponent(id)}`, { ...place })
  }
}

const NAMES = ['workspace', 'environment'] as const

/** A URL whose search names a place, and keeps what else it says. */
export function urlAt (href: string, place: Place): string {
  const url = new URL(href)
  for (const name of NAMES) {
    const value = place[name]
    if (value === undefined) url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  return url.href
}
