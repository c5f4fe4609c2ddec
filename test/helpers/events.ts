import type { AccessEvent } from 'fastify-latchkey/events'

const at = new Date(Date.UTC(2026, 0, 1))
const keyOf = (id: string) => ({ id, environment: 'production', hint: 'aBc9' })

export const issued = (id: string): AccessEvent<'key.issued'> => ({ id: `evt_issued_${id}`, type: 'key.issued', at, workspace: 'w1', data: { key: keyOf(id) } })
export const revoked = (id: string): AccessEvent<'key.revoked'> => ({ id: `evt_revoked_${id}`, type: 'key.revoked', at, workspace: 'w1', data: { key: keyOf(id) } })
