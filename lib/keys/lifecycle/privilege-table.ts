import type { IssueFields } from './input.js'

/** What a caller does to a key. One update may be several of these. */
export type Act =
  'issue' |
  'rotate' |
  /** An update that adds a scope, sets a later end, or sets another owner or tier. */
  'extend' |
  /** An update of name or metadata. */
  'describe' |
  /** An update that removes scopes or sets an earlier end; to expire and to revoke a key. */
  'restrict'

/**
 * Each field of a key, with the acts for which the key may not have more of it than the caller has itself. This alone
 * decides what callers may do. docs/keys.md shows it; a test compares what stands there with what happens.
 */
export const BOUNDED: Readonly<Record<keyof IssueFields, readonly Act[]>> = {
  workspace: ['issue', 'rotate', 'extend', 'describe', 'restrict'],
  environment: ['issue', 'rotate', 'extend', 'describe', 'restrict'],
  scopes: ['issue', 'rotate', 'extend', 'describe'],
  owner: ['issue', 'rotate', 'extend'],
  tier: ['issue', 'rotate', 'extend'],
  expiresAt: ['issue', 'rotate', 'extend'],
  name: [],
  metadata: []
}

/** Fields in which a host may let keys exceed their caller, by name. In the others the host acts without a caller. */
export const EXCEEDABLE = ['owner', 'tier', 'expiresAt'] as const
export type ExceedableField = typeof EXCEEDABLE[number]
