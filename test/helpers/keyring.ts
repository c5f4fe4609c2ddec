import { defineScopes, type Principal } from 'fastify-latchkey'
import { createKeys, createMemoryKeyStore, type KeyEvent, type KeyStore } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import { InvalidCredential } from 'fastify-latchkey/auth'
import type { Test } from 'tap'

export const scopes = defineScopes({
  resources: { devices: ['read', 'write', 'manage'], reports: ['read', 'export'], api_keys: ['read', 'write', 'manage'] },
  implies: { 'reports:export': ['reports:read'] }
})

type Options = Parameters<typeof createKeys>[0]
type Host = Parameters<typeof createKeys>[1]

/** The keys of a host on a clock that stands still, with all that happened to them. */
export function keyring (t: Test, options: Partial<Options> = {}, host: Partial<Host> = {}) {
  const clock = fakeClock()
  const events: KeyEvent[] = []
  const logged: string[] = []
  const store: KeyStore = options.store ?? createMemoryKeyStore()
  const made = createKeys({ prefix: 'acme', store, onEvent: (event) => { events.push(event) }, ...options }, {
    clock: clock.now,
    scopes: scopes.names,
    expand: scopes.expand,
    deadline: 1,
    log: (reason, message) => { logged.push(`${message}: ${reason}`) },
    ...host
  })
  t.teardown(() => made.close())

  /** Whether a text is let in; the reason for the caller where it is not. */
  async function opens (text: string): Promise<true | string | undefined> {
    try {
      return await made.resolver.resolve(text, clock.now(), true) !== undefined
        ? true
        : 'not the text of a key'
    } catch (fault) {
      if (fault instanceof InvalidCredential) return fault.detail
      throw fault
    }
  }

  return { ...made, clock, store, events, logged, opens, types: () => events.map(({ type }) => type) }
}

/** A caller in w1 and production. */
export function caller (scopes: readonly string[], more: Partial<Principal> = {}): Principal {
  return { kind: 'api-key', id: 'key_caller', workspace: 'w1', environment: 'production', scopes, ...more }
}
