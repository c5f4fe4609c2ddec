import { copyKey, type ApiKey, type KeySecret } from './record.js'

/** What `recordUse` has written to a key, as stores keep it: milliseconds since the epoch. */
export interface StoredUse {
  readonly lastUsedAt: number
  readonly scopesUsedAt: Readonly<Record<string, number>>
}

type Written<T, Dates extends keyof T> = Omit<T, Dates> & { readonly [Name in keyof Pick<T, Dates>]: string }
type KeptApart = 'secrets' | 'createdAt' | 'lastUsedAt' | 'scopesUsedAt'
type WrittenSecret = Written<KeySecret, 'createdAt' | 'retiresAt'>
type WrittenKey = Omit<Written<ApiKey, 'expiresAt' | 'revokedAt'>, KeptApart> & {
  readonly secrets: readonly WrittenSecret[]
}

/** The fields that an update may change, as JSON: without `createdAt`, and without what `recordUse` alone writes. */
export function writeKey ({ createdAt: _created, lastUsedAt: _used, scopesUsedAt: _scopes, ...key }: ApiKey): string {
  return JSON.stringify(key)
}

/** The record that `writeKey` wrote. @param createdAt milliseconds since the epoch */
export function readKey (json: string, createdAt: number, use?: StoredUse): ApiKey {
  const { secrets, expiresAt, revokedAt, ...key }: WrittenKey = JSON.parse(json)
  return copyKey({
    ...key,
    secrets: secrets.map(readSecret),
    createdAt: new Date(createdAt),
    ...expiresAt !== undefined && { expiresAt: new Date(expiresAt) },
    ...revokedAt !== undefined && { revokedAt: new Date(revokedAt) },
    ...use !== undefined && { lastUsedAt: new Date(use.lastUsedAt), scopesUsedAt: readDates(use.scopesUsedAt) }
  })
}

function readSecret ({ createdAt, retiresAt, ...secret }: WrittenSecret): KeySecret {
  return {
    ...secret,
    createdAt: new Date(createdAt),
    ...retiresAt !== undefined && { retiresAt: new Date(retiresAt) }
  }
}

function readDates (instants: Readonly<Record<string, number>>): Record<string, Date> {
  return Object.fromEntries(Object.entries(instants).map(([name, at]) => [name, new Date(at)]))
}

/** Generation of the newest secret, 0 where there is none. */
export function newestGeneration ({ secrets }: ApiKey): number {
  return secrets.at(-1)?.generation ?? 0
}
