import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Clock } from '../core/clock.js'

/** Answers the document that lists the public keys, as parsed JSON. */
export type FetchKeys = () => Promise<unknown>

/** The public keys by which a secret scanner signs its reports. */
export interface ScannerKeys {
  /**
   * Verifies ECDSA by P-256 and SHA-256 over a body as it came.
   * @param signature DER in base64
   * @throws whatever `fetchKeys` throws, and TypeError for a document without keys
   */
  isSigned (body: Buffer, identifier: string, signature: string): Promise<boolean>
}

/** Milliseconds for which fetched keys are used. */
const MAX_AGE = 86_400_000
/** Milliseconds between two fetches, whatever reports name: anybody may send one. */
const COOLDOWN = 60_000

const keysDocument = Type.Object({
  public_keys: Type.Array(Type.Object({ key_identifier: Type.String(), key: Type.String() }))
})

export function createScannerKeys (fetchKeys: FetchKeys, clock: Clock): ScannerKeys {
  let keys: ReadonlyMap<string, KeyObject> = new Map()
  let fetchedAt = -Infinity
  let triedAt = -Infinity
  /** The latest fetch: those that wait share it, and its failure stands until the next one. */
  let latest: Promise<void> | undefined

  async function load (): Promise<void> {
    triedAt = clock()
    const found: unknown = await fetchKeys()
    if (!Value.Check(keysDocument, found)) throw new TypeError('the list of public keys is not { public_keys: [...] }')
    keys = new Map(found.public_keys.map(({ key_identifier: id, key }) => [id, createPublicKey(key)]))
    fetchedAt = clock()
  }

  async function keyOf (identifier: string): Promise<KeyObject | undefined> {
    const isOld = Math.abs(clock() - fetchedAt) >= MAX_AGE
    if (!isOld && keys.has(identifier)) return keys.get(identifier)
    if (latest === undefined || Math.abs(clock() - triedAt) >= COOLDOWN) latest = load()
    await latest
    return keys.get(identifier)
  }

  return {
    async isSigned (body, identifier, signature) {
      const key = await keyOf(identifier)
      return key !== undefined && verify('sha256', body, key, Buffer.from(signature, 'base64'))
    }
  }
}
