import type { AccessEvent } from 'fastify-latchkey/events'
import { createMemoryKeyStore, type ApiKey, type KeyStore } from 'fastify-latchkey/keys'
import { createNoticeScanner, type ScannerDeps } from '../../lib/keys/notices/scanner.js'
import { draft, newHash } from '../../lib/testing/key-store-drafts.js'

export const DAY = 86_400
export const START = Date.UTC(2026, 0, 1)
export const rules = { thresholds: [30 * DAY, 7 * DAY, DAY], rotationAge: 90 * DAY }

/** An instant, so many days after `START`. */
export function day (days: number): Date {
  return new Date(START + days * DAY * 1000)
}

/** A key that was issued at `START`. */
export function keyOf (more: Partial<ApiKey> = {}): ApiKey {
  return draft('w1', { createdAt: day(0), secrets: [{ generation: 1, hint: 'aBc9', createdAt: day(0) }], ...more })
}

export async function add (store: KeyStore, more: Partial<ApiKey> = {}): Promise<ApiKey> {
  const key = keyOf(more)
  await store.insert(key, newHash())
  return key
}

/** A scanner of a store on a clock that a test sets, with what it has emitted. @param emit what emitting an event does */
export function scanning (store: KeyStore = createMemoryKeyStore(), emit: (event: AccessEvent) => Promise<boolean> = async () => true, deps: Partial<ScannerDeps> = {}) {
  const emitted: AccessEvent[] = []
  const logged: string[] = []
  const time = { now: START }
  const { notices } = store
  if (notices === undefined) throw new Error('the store has no notices')
  const scanner = createNoticeScanner({
    notices,
    rules,
    clock: () => time.now,
    interval: 30,
    deadline: 1,
    events: {
      hasListeners: () => true,
      hasDurableListeners: () => true,
      async emit (event) {
        emitted.push(event)
        return await emit(event)
      }
    },
    log: (reason, message) => { logged.push(`${message}: ${reason}`) },
    inform: (message) => { logged.push(message) },
    onBroken: ({ message }) => { logged.push(message) },
    ...deps
  })

  /** Scans at an instant. @returns what was emitted */
  async function scan (at: Date): Promise<string[]> {
    time.now = at.getTime()
    await scanner.scan()
    return emitted.splice(0).map(short)
  }

  return { store, scanner, emitted, logged, time, scan }
}

/** Such as `key.expiring 7`: the type, and days of the threshold. */
export function short ({ type, data }: AccessEvent): string {
  return 'threshold' in data ? `${type} ${data.threshold / DAY}` : type
}
