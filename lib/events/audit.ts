import type { AccessEvent, EventActor, EventData, EventOrigin, EventType } from './event.js'

/** One line of an audit log: what happened to what, when, who did it, and from where. Never a secret. */
export interface AuditEntry {
  readonly id: string
  readonly what: EventType
  readonly when: string
  readonly workspace: string
  /** Id of the key, or of the principal that the event is about; the workspace where it is about neither. */
  readonly of: string
  /** Absent where the host or the passing of time caused it. */
  readonly who?: EventActor
  readonly from?: EventOrigin
  /** The rest of the event's data. */
  readonly more: Readonly<Record<string, unknown>>
}

/** An event as a line of an audit log. */
export function auditEntryOf ({ id, type, at, workspace, data, by, from }: AccessEvent): AuditEntry {
  const { key: _key, principal: _principal, ...more }: Record<string, unknown> = { ...data }
  return {
    id,
    what: type,
    when: at.toISOString(),
    workspace,
    of: subjectOf(data) ?? workspace,
    ...by !== undefined && { who: by },
    ...from !== undefined && { from },
    more
  }
}

function subjectOf (data: EventData): string | undefined {
  if ('key' in data) return data.key.id
  return 'principal' in data ? data.principal.id : undefined
}
