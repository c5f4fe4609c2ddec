import type { Static } from '@sinclair/typebox'
import type { Principal } from '../core/principal.js'
import type { ApiKey, KeySecret } from '../keys/index.js'
import { viewOfUpdate } from './update-view.js'
import type { Key } from './key-schemas.js'

type KeyView = Static<typeof Key>

interface KeyReader {
  /** Who asks. */
  readonly by: Principal
  readonly now: number
  /** Seconds after which a secret should be rotated. */
  readonly rotateEvery: number | undefined
}

/** A key as responses show it. */
export function viewOfKey (key: ApiKey, { by, now, rotateEvery }: KeyReader): KeyView {
  const { id, workspace, environment, scopes, secrets, createdAt, version } = key
  const { name, owner, tier, metadata, expiresAt, revokedAt, revokedReason, lastUsedAt, scopesUsedAt } = key
  const rotatedAt = secrets.at(-1)?.createdAt
  return {
    id,
    workspace,
    environment,
    status: statusOf(key, now),
    scopes: [...scopes],
    secrets: secrets.map(viewOfSecret),
    createdAt: createdAt.toISOString(),
    version,
    ...name !== undefined && { name },
    ...owner !== undefined && { owner },
    ...tier !== undefined && { tier },
    ...metadata !== undefined && { metadata },
    ...expiresAt !== undefined && { expiresAt: expiresAt.toISOString() },
    ...revokedAt !== undefined && { revokedAt: revokedAt.toISOString() },
    ...revokedReason !== undefined && { revokedReason },
    ...viewOfUpdate(key, by),
    ...rotateEvery !== undefined && rotatedAt !== undefined && { rotateBy: after(rotatedAt, rotateEvery) },
    ...lastUsedAt !== undefined && { lastUsedAt: lastUsedAt.toISOString() },
    ...scopesUsedAt !== undefined && { scopesUsedAt: textOfEach(scopesUsedAt) }
  }
}

function statusOf ({ revokedAt, expiresAt }: ApiKey, now: number): KeyView['status'] {
  if (revokedAt !== undefined) return 'revoked'
  return expiresAt !== undefined && expiresAt.getTime() <= now ? 'expired' : 'active'
}

function after (instant: Date, seconds: number): string {
  return new Date(instant.getTime() + seconds * 1000).toISOString()
}

function textOfEach (instants: Readonly<Record<string, Date>>): Record<string, string> {
  return Object.fromEntries(Object.entries(instants).map(([name, instant]) => [name, instant.toISOString()]))
}

function viewOfSecret (secret: KeySecret): KeyView['secrets'][number] {
  const { generation, hint, createdAt, retiresAt, graceAfterFirstUse } = secret
  return {
    generation,
    hint,
    createdAt: createdAt.toISOString(),
    ...retiresAt !== undefined && { retiresAt: retiresAt.toISOString() },
    ...graceAfterFirstUse !== undefined && { graceAfterFirstUse }
  }
}
