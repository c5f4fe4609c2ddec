import type { ScopeName } from '../../core/scope-registry.js'
import type { KeyMetadata } from '../record.js'

/** A key of another system. */
export interface ImportRow {
  /** What that system has stored of the secret: hexadecimal, base64 or base64url. */
  hash: string
  workspace: string
  /** Scopes as that system calls them. */
  scopes: readonly string[]
  environment?: string | undefined
  /** How the key is called here; a new id by default. */
  id?: string | undefined
  name?: string | undefined
  owner?: string | undefined
  tier?: string | undefined
  /** First characters of the secret, by which people recognise it. */
  hint?: string | undefined
  createdAt?: Date | undefined
  /** In the future. */
  expiresAt?: Date | undefined
  lastUsedAt?: Date | undefined
  metadata?: KeyMetadata | undefined
}

export interface ImportOptions {
  /** One of `keys.formats`. */
  format: string
  /** What a scope of the other system permits here; itself by default. Undefined for one that nobody knows. */
  scopesOf?: ((scope: string) => readonly ScopeName[] | undefined) | undefined
}

/** What became of a row: in the order of the rows. */
export type ImportResult =
  | { readonly status: 'imported' | 'exists', readonly id: string }
  | { readonly status: 'refused', readonly reason: string }

/** `app.latchkey.keys.import`. */
export type ImportKeys = (rows: readonly ImportRow[], options: ImportOptions) => Promise<ImportResult[]>
