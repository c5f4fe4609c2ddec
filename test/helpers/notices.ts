import type { AccessEvent } from 'fastify-latchkey/events'
import { createMemoryKeyStore, type ApiKey, type KeyStore } from 'fastify-latchkey/keys'
import { createScanner, type ScannerDeps } from '../../lib/events/scanner.js'
import { draft, newHash } from '../../lib/testing/key-store-drafts.js'

export const DAY = 86_400
export const START = Date.UTC(2026, 0, 1)
export const terms = { thresholds: [30 * DAY, 7 * DAY, DAY], rotationAge: 90 * DAY }

/** An instant, so many days after `START`. */
export const day = (days: number): Date => new Date(START + days * DAY * 1000)

/** A key that was issued at `START`. */
export function keyOf (more: Partial<ApiKey> = {}): ApiKey {
  return draft('w1', { createdAt: day(0), secrets: [{ generation: 1, hint: 'aBc9', createdAt: day(0) }], ...more })
}

export async function add (store: KeyStore, more: Partial<ApiKey> = {}): Promise<ApiKey> {
  const key = keyOf(more)
  await store.insert(key, newHash())
  return key
}

/** A scanner of a store on a clock that a test sets, with what it has told. Its timer is run by the test. */
export function scanning (store: KeyStore = createMemoryKeyStore(), parts: Partial<ScannerDeps> = {}) {
  const told: AccessEvent[] = []
  const logged: string[] = []
  const timers: Array<{ work: () => void, seconds: number }> = []
  const time = { now: START }
  const { notices } = store
  if (notices === undefined) throw new Error('the store knows of no notices')
  const scanner = createScanner({
    notices,
    terms,
    clock: () => time.now,
    timer (work, seconds) {
      const one = { work, seconds }
      timers.push(one)
      return () => { timers.splice(timers.indexOf(one), 1) }
    },
    interval: 30,
    deadline: 1,
    isHeard: () => true,
    async emit (event) { told.push(event); return true },
    log: (reason, message) => { logged.push(`${message}: ${reason}`) },
    inform: (message) => { logged.push(message) },
    ...parts
  })
  return { store, scanner, told, logged, timers, time, async look (at: Date) { time.now = at.getTime(); await scanner.look(); return told.splice(0).map(short) } }
}

/** `key.expiring 604800` */
export function short ({ type, data }: AccessEvent): string {
  return 'threshold' in data ? `${type} ${data.threshold / DAY}` : type
}
