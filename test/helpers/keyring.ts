import { defineScopes, type Principal } from 'fastify-latchkey'
import { createKeys, createMemoryKeyStore, type KeysDeps, type KeysOptions, type KeyStore } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import { InvalidCredential } from 'fastify-latchkey/auth'
import type { Test } from 'tap'
import { collectingEmitter } from './events.js'
import { lookup } from './lookup.js'

export const scopes = defineScopes({
  resources: { devices: ['read', 'write', 'manage'], reports: ['read', 'export'], api_keys: ['read', 'write', 'manage'] },
  implies: { 'reports:export': ['reports:read'] }
})

/** The keys of a host on a clock that stands still, with all events that they emit. */
export function keyring (t: Test, options: Partial<KeysOptions> = {}, deps: Partial<KeysDeps> = {}) {
  const clock = fakeClock()
  const events = collectingEmitter()
  const logged: string[] = []
  const store: KeyStore = options.store ?? createMemoryKeyStore()
  const made = createKeys({ prefix: 'acme', store, notices: false, ...options }, {
    clock: clock.now,
    scopes: scopes.names,
    expand: scopes.expand,
    deadline: 1,
    events,
    log: (reason, message) => { logged.push(`${message}: ${reason}`) },
    ...deps
  })
  t.teardown(() => made.close())

  /** Whether a secret is let in; the reason for the caller where it is not. */
  async function opens (secret: string): Promise<true | string | undefined> {
    try {
      const principal = await made.resolver.resolve(secret, clock.now(), lookup({ fresh: true, clock: clock.now }))
      return principal !== undefined ? true : 'not the form of a secret'
    } catch (fault) {
      if (fault instanceof InvalidCredential) return fault.detail
      throw fault
    }
  }

  return { ...made, clock, store, events: events.emitted, logged, opens, types: () => events.emitted.map(({ type }) => type) }
}

/** A caller in w1 and production. */
export function caller (scopes: readonly string[], more: Partial<Principal> = {}): Principal {
  return { kind: 'api-key', id: 'key_caller', workspace: 'w1', environment: 'production', scopes, ...more }
}
