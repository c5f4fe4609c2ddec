import { Type } from '@sinclair/typebox'
import { show } from '../core/options.js'
import { RecordError } from '../core/store-error.js'
import { parseRecord, writtenActor } from '../core/stored-record.js'
import { copyKey, type ApiKey, type KeySecret } from './record.js'

/** A key as a store has it. Times are milliseconds since the epoch. */
export interface StoredKey {
  readonly id: string
  readonly workspace: string
  readonly version: number
  /** Written by `writeKey`. */
  readonly record: string
  readonly createdAt: number
  readonly use?: StoredUse | undefined
}

/** What `recordUse` wrote about a key. */
export interface StoredUse {
  readonly lastUsedAt: number
  readonly scopesUsedAt: Readonly<Record<string, number>>
}

const writtenSecret = Type.Object({
  generation: Type.Integer(),
  hint: Type.String(),
  createdAt: Type.String(),
  retiresAt: Type.Optional(Type.String()),
  graceAfterFirstUse: Type.Optional(Type.Number())
})

/** Fields that a later release adds are allowed: releases run side by side during a deployment. */
const writtenKey = Type.Object({
  id: Type.String(),
  workspace: Type.String(),
  environment: Type.String(),
  scopes: Type.Array(Type.String()),
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  tier: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])
  )),
  secrets: Type.Array(writtenSecret),
  expiresAt: Type.Optional(Type.String()),
  revokedAt: Type.Optional(Type.String()),
  revokedReason: Type.Optional(Type.String()),
  updatedAt: Type.Optional(Type.String()),
  updatedBy: Type.Optional(writtenActor),
  version: Type.Integer()
})

/** The part of a record that updates may change: neither `createdAt` nor uses, which `recordUse` alone writes. */
export function writeKey ({ createdAt: _created, lastUsedAt: _used, scopesUsedAt: _scopes, ...key }: ApiKey): string {
  return JSON.stringify(key)
}

/**
 * Checks every field: a record that was edited by hand, or restored from elsewhere, must not open more than it says.
 * @throws RecordError
 */
export function readKey ({ id, workspace, version, record, createdAt, use }: StoredKey): ApiKey {
  const name = nameOfKey(id)
  const refuse = (fault: string): RecordError => new RecordError(name, fault)

  function time (name: string, value: string | number): Date {
    const date = new Date(value)
    // Date turns 30 February into 2 March.
    const isTime = !Number.isNaN(date.getTime()) &&
      (typeof value === 'number' || date.toISOString().slice(0, 19) === String(value).slice(0, 19))
    if (!isTime) throw refuse(`${name} is no time`)
    return date
  }

  const written = parseRecord(writtenKey, record, name)
  const row = { id, workspace, version }
  for (const name of ['id', 'workspace', 'version'] as const) {
    if (written[name] !== row[name]) throw refuse(`${name} is another than that of its row`)
  }
  const { secrets, expiresAt, revokedAt, updatedAt, ...key } = written
  return copyKey({
    ...key,
    secrets: secrets.map(({ createdAt, retiresAt, ...secret }, i): KeySecret => ({
      ...secret,
      createdAt: time(`secrets.${i}.createdAt`, createdAt),
      ...retiresAt !== undefined && { retiresAt: time(`secrets.${i}.retiresAt`, retiresAt) }
    })),
    createdAt: time('createdAt', createdAt),
    ...expiresAt !== undefined && { expiresAt: time('expiresAt', expiresAt) },
    ...revokedAt !== undefined && { revokedAt: time('revokedAt', revokedAt) },
    ...updatedAt !== undefined && { updatedAt: time('updatedAt', updatedAt) },
    ...use !== undefined && {
      lastUsedAt: time('lastUsedAt', use.lastUsedAt),
      scopesUsedAt: Object.fromEntries(Object.entries(use.scopesUsedAt).map(([scope, at]) => [scope, time(scope, at)]))
    }
  })
}

/** What errors call a stored key. */
export function nameOfKey (id: string): string {
  return `key ${show(id)}`
}

const scopesUsed = Type.Record(Type.String(), Type.Number())
const notices = Type.Array(Type.String())

/** Scope → milliseconds since the epoch. @throws RecordError, as `readNoticed` */
export function readScopesUsed (id: string, text: string): StoredUse['scopesUsedAt'] {
  return parseRecord(scopesUsed, text, nameOfKey(id))
}

/** Names of the notices that a key has had. */
export function readNoticed (id: string, text: string): readonly string[] {
  return parseRecord(notices, text, nameOfKey(id))
}

/** Generation of the secret in force, 0 where there is none. */
export function newestGeneration ({ secrets }: ApiKey): number {
  return secrets.at(-1)?.generation ?? 0
}
