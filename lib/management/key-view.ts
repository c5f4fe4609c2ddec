import type { Static } from '@sinclair/typebox'
import type { ApiKey, KeySecret } from '../keys/record.js'
import { isExpired } from '../keys/lifecycle/transitions.js'
import type { Key } from './key-schemas.js'

export type KeyView = Static<typeof Key>

/** A key as its managers read it. @param rotateEvery seconds after which a secret should be another one */
export function viewOf (key: ApiKey, now: number, rotateEvery: number | undefined): KeyView {
  const { id, workspace, environment, scopes, secrets, createdAt, version } = key
  const { name, owner, tier, metadata, expiresAt, revokedAt, revokedReason, lastUsedAt, scopesUsedAt } = key
  const inForce = secrets.at(-1)?.createdAt
  return {
    id,
    workspace,
    environment,
    status: revokedAt !== undefined ? 'revoked' : isExpired(key, now) ? 'expired' : 'active',
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
    ...rotateEvery !== undefined && inForce !== undefined && { rotateBy: new Date(inForce.getTime() + rotateEvery * 1000).toISOString() },
    ...lastUsedAt !== undefined && { lastUsedAt: lastUsedAt.toISOString() },
    ...scopesUsedAt !== undefined && { scopesUsedAt: Object.fromEntries(Object.entries(scopesUsedAt).map(([scope, at]) => [scope, at.toISOString()])) }
  }
}

function viewOfSecret ({ generation, hint, createdAt, retiresAt, graceAfterFirstUse }: KeySecret): KeyView['secrets'][number] {
  return {
    generation,
    hint,
    createdAt: createdAt.toISOString(),
    ...retiresAt !== undefined && { retiresAt: retiresAt.toISOString() },
    ...graceAfterFirstUse !== undefined && { graceAfterFirstUse }
  }
}
