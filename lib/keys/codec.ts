import { copyKey, type ApiKey, type KeySecret } from './record.js'

/** What `recordUse` wrote about a key, in milliseconds since the epoch. */
export interface StoredUse {
  readonly lastUsedAt: number
  readonly scopesUsedAt: Readonly<Record<string, number>>
}

type Written<T, Dates extends keyof T> = Omit<T, Dates> & { readonly [Name in keyof Pick<T, Dates>]: string }
type WrittenSecret = Written<KeySecret, 'createdAt' | 'retiresAt'>
type Unwritten = 'createdAt' | 'lastUsedAt' | 'scopesUsedAt'
type WrittenKey = Omit<Written<ApiKey, 'expiresAt' | 'revokedAt'>, 'secrets' | Unwritten> & {
  readonly secrets: readonly WrittenSecret[]
}

/** The part of a record that updates may change: neither `createdAt` nor uses, which `recordUse` alone writes. */
export function writeKey ({ createdAt: _created, lastUsedAt: _used, scopesUsedAt: _scopes, ...key }: ApiKey): string {
  return JSON.stringify(key)
}

/** @param text by `writeKey` @param createdAt milliseconds since the epoch */
export function readKey (text: string, createdAt: number, use?: StoredUse): ApiKey {
  const { secrets, expiresAt, revokedAt, ...key }: WrittenKey = JSON.parse(text)
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

function readDates (times: Readonly<Record<string, number>>): Record<string, Date> {
  return Object.fromEntries(Object.entries(times).map(([name, at]) => [name, new Date(at)]))
}

/** Generation of the secret in force, 0 where there is none. */
export function newestGeneration ({ secrets }: ApiKey): number {
  return secrets.at(-1)?.generation ?? 0
}
