import { Type, type Static } from '@sinclair/typebox'

/** ISO 8601, UTC, as `Date.prototype.toISOString` writes it. */
const instant = (description: string) => Type.String({ format: 'date-time', description })

const key = Type.Object({
  id: Type.String(),
  environment: Type.String(),
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  /** First characters of the secret in force, for people who hold it. */
  hint: Type.String()
}, { description: 'the key; never a secret or a hash' })

const ofKey = <More extends object> (description: string, more: More) => Type.Object({ key, ...more }, { description })

/** What each event says, by its type: the `data` of events and of webhook payloads. Thin: whoever wants more asks the API. */
export const eventData = {
  'key.issued': ofKey('a key was issued', { expiresAt: Type.Optional(instant('not valid from then on')) }),
  'key.updated': ofKey('fields of a key were changed', { changed: Type.Array(Type.String()) }),
  'key.rotated': ofKey('a key has another secret; the one before died at once where neither of these is there', {
    earlierRetiresAt: Type.Optional(instant('until when the secret before it is valid')),
    earlierRetiresAfterFirstUse: Type.Optional(Type.Number({ description: 'seconds for which the secret before it is valid once the new one is used' }))
  }),
  'key.revoked': ofKey('a key was revoked, for good', { reason: Type.Optional(Type.String()) }),
  'key.expiring': ofKey('a key is about to expire', { expiresAt: instant('not valid from then on'), threshold: Type.Integer({ description: 'seconds before the expiry that this notice is for' }) }),
  'key.expired': ofKey('a key has expired', { expiresAt: instant('when') }),
  'key.rotation_due': ofKey('the secret in force is older than it should be', { rotatedAt: instant('since when it is in force'), age: Type.Integer({ description: 'seconds after which it is due' }) }),
  'key.retiring_secret_used': ofKey('a secret that was rotated away is still in use', { retiresAt: instant('not valid from then on') }),
  'key.exposed': ofKey('a valid text of the key was found where it must not be', {}),
  'limit.exceeded': Type.Object({
    policy: Type.String(),
    partition: Type.Union([Type.Literal('principal'), Type.Literal('workspace')]),
    principal: Type.Object({ kind: Type.String(), id: Type.String() }),
    environment: Type.String(),
    resetAt: instant('when it admits again')
  }, { description: 'a caller has used up a policy' })
}

export type EventType = keyof typeof eventData
export type EventData<T extends EventType = EventType> = Static<typeof eventData[T]>

export const eventTypes: readonly EventType[] = Object.keys(eventData).filter(isEventType)

export function isEventType (name: string): name is EventType {
  return Object.hasOwn(eventData, name)
}

/** Who did it, where it was not the host or time itself. */
export interface EventActor { readonly kind: string, readonly id: string, readonly owner?: string }

/** Where the request came from that did it. */
export interface EventOrigin { readonly ip: string, readonly requestId: string }

interface Happened<T extends EventType> {
  /** `evt_` and letters or digits; the same for the same fact, whichever process tells it, so that it can be told apart from a repetition. */
  readonly id: string
  readonly type: T
  readonly at: Date
  readonly workspace: string
  readonly data: EventData<T>
  readonly by?: EventActor
  readonly from?: EventOrigin
}

/** Something that has happened; told by `type`. Holds no secret, no text of a key, and no hash. */
export type AccessEvent<T extends EventType = EventType> = { [Each in T]: Happened<Each> }[T]
