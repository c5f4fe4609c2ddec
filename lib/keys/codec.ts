import { copyKey, type ApiKey, type KeySecret } from './record.js'

/** What `recordUse` has noted on a key, as stores keep it: milliseconds since the epoch. */
export interface StoredUse {
  readonly lastUsedAt: number
  readonly scopesUsedAt: Readonly<Record<string, number>>
}

type Written<T, Dates extends keyof T> = Omit<T, Dates> & { readonly [Name in keyof Pick<T, Dates>]: string }
type WrittenKey = Omit<Written<ApiKey, 'expiresAt' | 'revokedAt'>, 'secrets' | 'createdAt' | 'lastUsedAt' | 'scopesUsedAt'> & {
  readonly secrets: ReadonlyArray<Written<KeySecret, 'createdAt' | 'retiresAt'>>
}

/** What updates may change, as text: neither when a key was created nor what `recordUse` notes, which is written by it alone. */
export function writeKey ({ createdAt: _created, lastUsedAt: _used, scopesUsedAt: _scopes, ...key }: ApiKey): string {
  return JSON.stringify(key)
}

/** The record of a text that `writeKey` has made. @param createdAt milliseconds since the epoch */
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

function readSecret ({ createdAt, retiresAt, ...secret }: WrittenKey['secrets'][number]): KeySecret {
  return { ...secret, createdAt: new Date(createdAt), ...retiresAt !== undefined && { retiresAt: new Date(retiresAt) } }
}

function readDates (instants: Readonly<Record<string, number>>): Record<string, Date> {
  return Object.fromEntries(Object.entries(instants).map(([name, at]) => [name, new Date(at)]))
}

/** Generation of the secret in force, 0 where there is none. */
export function newestGeneration ({ secrets }: ApiKey): number {
  return secrets.at(-1)?.generation ?? 0
}
