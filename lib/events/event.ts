import { Type, type Static, type TProperties } from '@sinclair/typebox'
import { patterns } from '../core/input.js'

/** RFC 3339 in UTC, as `Date.prototype.toISOString` writes it. */
const instant = (description: string) => Type.String({ pattern: patterns.instant, description })

const requests = (description: string) => Type.Integer({ minimum: 0, description })

const key = Type.Object({
  id: Type.String(),
  environment: Type.String(),
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  hint: Type.Optional(Type.String({ description: 'first characters of the newest secret' }))
}, { description: 'the key; never a secret or a hash' })

const aboutKey = <More extends TProperties> (description: string, more: More) =>
  Type.Object({ key, ...more }, { description })

/** Schema of the `data` of each type of event; webhooks send the same. The API answers what an event leaves out. */
export const eventData = {
  'key.issued': aboutKey('a key was issued', { expiresAt: Type.Optional(instant('not valid from then on')) }),
  'key.updated': aboutKey('fields of a key were changed', { changed: Type.Array(Type.String()) }),
  'key.rotated': aboutKey('a key has a new secret', {
    earlierRetiresAt: Type.Optional(instant('until when the previous secret is valid; without either, it has ended')),
    earlierRetiresAfterFirstUse: Type.Optional(Type.Number({
      description: 'seconds that the previous secret stays valid after the first use of the new one'
    }))
  }),
  'key.revoked': aboutKey('a key was revoked, for good', { reason: Type.Optional(Type.String()) }),
  'key.expiring': aboutKey('a key is about to expire', {
    expiresAt: instant('not valid from then on'),
    threshold: Type.Integer({ description: 'seconds before the expiry that this notice is for' })
  }),
  'key.expired': aboutKey('a key has expired', { expiresAt: instant('when') }),
  'key.rotation_due': aboutKey('the newest secret is older than it should be', {
    rotatedAt: instant('when it was made'),
    age: Type.Integer({ description: 'seconds after which it is due' })
  }),
  'key.retiring_secret_used': aboutKey('a secret that was rotated away is still in use', {
    retiresAt: instant('not valid from then on')
  }),
  'key.exposed': aboutKey('a valid secret of the key was sent or found where others can read it', {}),
  'token.exposed': Type.Object({
    principal: Type.Object({ kind: Type.String(), id: Type.String(), owner: Type.Optional(Type.String()) }),
    environment: Type.String()
  }, { description: 'a valid access token was sent where others can read it' }),
  'limit.exceeded': Type.Object({
    policy: Type.String(),
    partition: Type.Union([Type.Literal('principal'), Type.Literal('workspace')]),
    principal: Type.Object({ kind: Type.String(), id: Type.String() }),
    environment: Type.String(),
    resetAt: instant('when it admits again')
  }, { description: 'a caller has used up a policy' }),
  'usage.counted': Type.Object({
    environment: Type.String(),
    keys: Type.Array(Type.Object({
      id: Type.String(),
      at: instant('when the UTC hour began'),
      admitted: requests('that were let in'),
      limited: requests('that were refused with RATE_LIMITED'),
      refused: Type.Record(Type.String(), requests('by the code of another refusal'))
    }))
  }, { description: 'requests of keys that a process has counted since it counted before; to those who name it' })
}

/** Name of a type of event. */
export type EventType = keyof typeof eventData
/** The `data` of an event. */
export type EventData<T extends EventType = EventType> = Static<typeof eventData[T]>

/** All types of events, in the order of `eventData`. */
export const eventTypes: readonly EventType[] = Object.keys(eventData).filter(isEventType)

/**
 * True where whoever wants all events gets this one too. `usage.counted` comes every minute and says nothing new of any
 * key, so that one has to name it.
 */
export function isInAll (type: EventType): boolean {
  return type !== 'usage.counted'
}

/** True when `name` is the type of an event. */
export function isEventType (name: string): name is EventType {
  return Object.hasOwn(eventData, name)
}

/** Who caused an event. */
export interface EventActor { readonly kind: string, readonly id: string, readonly owner?: string }

/** The request that caused an event. */
export interface EventOrigin { readonly ip: string, readonly requestId: string }

interface EventOf<T extends EventType> {
  /** `evt_` and hexadecimal digits; the same id in every process, so that a consumer recognises a repetition. */
  readonly id: string
  readonly type: T
  readonly at: Date
  readonly workspace: string
  readonly data: EventData<T>
  /** Absent where the host or the passing of time caused it. */
  readonly by?: EventActor
  readonly from?: EventOrigin
}

/** Something that has happened; `type` says what `data` holds. Never a secret or a hash. */
export type AccessEvent<T extends EventType = EventType> = { [Each in T]: EventOf<Each> }[T]
