import { hash } from 'node:crypto'
import type { Principal } from '../../core/principal.js'
import type { Anonymous } from '../caller.js'

/** What the names of a principal's keys are made of. */
export type Identity = Pick<Principal, 'id' | 'workspace' | 'environment'> & { readonly kind?: Principal['kind'] }

/** The keys in Redis that decide the takes of a principal, or of an address. */
export interface KeyNames {
  /** Holds the version marker and the counters of the principal. */
  readonly principal: string
  /** Holds the counters that all principals of the workspace share; in the same slot of a Cluster. */
  readonly workspace: string
  /** Hash slot of both on a Cluster; 0 elsewhere. */
  readonly slot: number
}

export type KeysOf = (of: Identity | Anonymous) => KeyNames

/**
 * Names keys such as `namespace:{10,2,productionw1}:key_1`. The braces are the hash tag of Redis Cluster; with both
 * lengths in front, no workspace or id reads like another, whatever it contains. An address has an empty environment,
 * which no principal has, and a slot of its own: `namespace:{0,11,203.0.113.7}:anonymous`.
 *
 * @param slotOf the hash slot of a key
 */
export function createRedisKeys (namespace: string, slotOf: (key: string) => number): KeysOf {
  const cache = new WeakMap<Identity | Anonymous, KeyNames>()

  function name ({ id, workspace, environment }: Identity): KeyNames {
    const tag = wellFormed(`${environment.length},${workspace.length},${environment}${workspace}`)
    const shared = `${namespace}:{${tag}}`
    return { principal: `${shared}:${wellFormed(id)}`, workspace: shared, slot: slotOf(shared) }
  }

  return function keysOf (of) {
    const known = cache.get(of)
    if (known !== undefined) return known
    const names = name(of.kind === 'anonymous' ? { id: 'anonymous', workspace: of.address, environment: '' } : of)
    // What is not frozen may be another's the next time.
    if (Object.isFrozen(of)) cache.set(of, names)
    return names
  }
}

/** Half a surrogate pair, for which UTF-8 has no bytes: all of them would become the same character. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** A text that can be sent as UTF-8, and that no other text becomes. */
function wellFormed (text: string): string {
  if (!text.startsWith('!') && !LONE_SURROGATE.test(text)) return text
  return `!text ${hash('sha256', Buffer.from(text, 'utf16le'), 'base64url')}`
}

/**
 * The hash slot of a key on a Cluster: CRC-16/XMODEM of its first `{…}` where that is not empty, else of the whole key,
 * modulo 16,384.
 */
export function clusterSlot (key: string): number {
  const [, tag = key] = /^[^{]*\{([^}]+)\}/.exec(key) ?? []
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  }
  return crc & 0x3fff
}
