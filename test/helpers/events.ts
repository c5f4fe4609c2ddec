import type { AccessEvent, Emitter } from 'fastify-latchkey/events'

const at = new Date(Date.UTC(2026, 0, 1))
const keyOf = (id: string) => ({ id, environment: 'production', hint: 'aBc9' })

export const issued = (id: string): AccessEvent<'key.issued'> => ({ id: `evt_issued_${id}`, type: 'key.issued', at, workspace: 'w1', data: { key: keyOf(id) } })
export const revoked = (id: string): AccessEvent<'key.revoked'> => ({ id: `evt_revoked_${id}`, type: 'key.revoked', at, workspace: 'w1', data: { key: keyOf(id) } })

/** An emitter that only collects what is emitted, at once. */
export function collectingEmitter (): Emitter & { readonly emitted: AccessEvent[] } {
  const emitted: AccessEvent[] = []
  return {
    emitted,
    on: () => () => {},
    onDurable: () => () => {},
    async emit (event) { emitted.push(event); return true },
    hasListeners: () => true,
    hasDurableListeners: () => false,
    async idle () {}
  }
}

/** Waits until listeners of what was emitted have run. */
export async function settled (): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate)
}
