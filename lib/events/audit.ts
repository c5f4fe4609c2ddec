import type { AccessEvent, EventActor, EventOrigin, EventType } from './event.js'

/** One line of an audit log: what happened to what, when, who did it, and from where. Never a secret. */
export interface AuditEntry {
  readonly id: string
  readonly what: EventType
  readonly when: string
  readonly workspace: string
  /** Id of the key, or of the principal that used up a policy. */
  readonly of: string
  /** Absent where it was the host, or time itself. */
  readonly who?: EventActor
  readonly from?: EventOrigin
  /** The rest of what the event says. */
  readonly more: Readonly<Record<string, unknown>>
}

export function auditEntryOf ({ id, type, at, workspace, data, by, from }: AccessEvent): AuditEntry {
  const { of, more } = 'key' in data ? subject(data.key, data, 'key') : subject(data.principal, data, 'principal')
  return { id, what: type, when: at.toISOString(), workspace, of, ...by !== undefined && { who: by }, ...from !== undefined && { from }, more }
}

function subject ({ id }: { readonly id: string }, data: object, name: string): { of: string, more: Record<string, unknown> } {
  return { of: id, more: Object.fromEntries(Object.entries(data).filter(([one]) => one !== name)) }
}
