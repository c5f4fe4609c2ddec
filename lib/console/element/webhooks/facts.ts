import type { DeliveryView, EndpointView, WebhookCallerView } from '../../../management/index.js'
import type { Resource } from '../scope-choice.js'

/** What a person types to confirm: the host. */
export function confirmationWord (endpoint: EndpointView | undefined): string {
  return endpoint === undefined ? '' : new URL(endpoint.url).host
}

/** The secret before the newest, while it still signs. */
export function retiringUntil ({ secrets }: EndpointView, now: number): string | undefined {
  return secrets.map(({ retiresAt }) => retiresAt).findLast((at) => at !== undefined && Date.parse(at) > now)
}

/** Types of events as a person chooses them: by what they are about. */
export function eventGroups ({ events }: WebhookCallerView): readonly Resource[] {
  const resourceOf = (type: string) => type.slice(0, type.indexOf('.'))
  const resources = [...new Set(events.map(({ type }) => resourceOf(type)))]
  return resources.map((resource) => ({
    resource,
    title: resource,
    scopes: events
      .filter(({ type }) => resourceOf(type) === resource)
      .map(({ type, description }) => ({ scope: type, permissions: [description], includes: [] }))
  }))
}

/** A delivery of which the first attempt is still to come. */
export function isUnderway ({ state, attempts }: DeliveryView): boolean {
  return state === 'pending' && attempts.length === 0
}
