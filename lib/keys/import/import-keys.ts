import { randomUUID } from 'node:crypto'
import { AccessError } from '../../core/errors.js'
import { show } from '../../core/options.js'
import { DuplicateError } from '../../core/store-error.js'
import { readIssueInput, readOwn, invalid, type InputContext } from '../lifecycle/input.js'
import { importRowSchema } from '../lifecycle/record-schema.js'
import { inTime } from '../lifecycle/update-key.js'
import { copyKey, type ApiKey } from '../record.js'
import type { KeyStore } from '../store.js'
import type { ForeignSecrets } from './foreign-format.js'
import type { ImportKeys, ImportOptions, ImportResult, ImportRow } from './import-row.js'

export interface ImportDeps extends Pick<InputContext, 'scopes' | 'tagOf' | 'metadata'> {
  readonly formats: readonly ForeignSecrets[]
  readonly store: KeyStore
  readonly clock: () => number
  /** Seconds that the store may take for each row. */
  readonly deadline: number
}

const MAX_ROWS = 1000
/** Rows that the store is asked about at a time. */
const AT_A_TIME = 10

/** Adds keys by the hashes of their secrets. A row whose hash is there already changes nothing. */
export function createImportKeys (deps: ImportDeps): ImportKeys {
  const { formats, store, clock, deadline, scopes, tagOf, metadata } = deps

  function readRow (row: ImportRow, format: ForeignSecrets, scopesOf: ImportOptions['scopesOf']) {
    const { hash, scopes: given, id = `key_${randomUUID()}`, hint = '', createdAt, lastUsedAt, ...rest } =
      readOwn(importRowSchema, row)
    const stored = format.readStored(hash)
    if (stored === undefined) throw invalid(`hash is none of the format ${format.name}`)
    const mapped = given.flatMap((scope) => {
      const found = scopesOf === undefined ? [scope] : scopesOf(scope)
      if (found === undefined) throw invalid(`scopes has ${show(scope)}, for which scopesOf has no answer`)
      return found
    })
    const context = { now: clock(), scopes, tagOf, metadata }
    const { fields } = readIssueInput({ ...rest, scopes: mapped }, context)
    const created = new Date(createdAt ?? clock())
    const secrets = [{ generation: 1, hint, createdAt: created }]
    const key = copyKey({ id, ...fields, secrets, createdAt: created, version: 1 })
    return { key, hash: stored, lastUsedAt }
  }

  async function add (key: ApiKey, hash: string, lastUsedAt: Date | undefined): Promise<ImportResult> {
    const before = await idOf(hash)
    if (before !== undefined) return { status: 'exists', id: before }
    try {
      await store.insert(key, hash)
    } catch (fault) {
      if (!(fault instanceof DuplicateError)) throw fault
      const other = await idOf(hash)
      return other === undefined
        ? { status: 'refused', reason: `id ${show(key.id)} is that of another key` }
        : { status: 'exists', id: other }
    }
    const { workspace, id } = key
    if (lastUsedAt !== undefined) await store.recordUse([{ workspace, id, lastUsedAt, scopesUsedAt: {} }])
    return { status: 'imported', id }
  }

  async function idOf (hash: string): Promise<string | undefined> {
    return (await store.findByHash(hash, true))?.principal.id
  }

  async function importRow (
    row: ImportRow, format: ForeignSecrets, scopesOf: ImportOptions['scopesOf']
  ): Promise<ImportResult> {
    try {
      const { key, hash, lastUsedAt } = readRow(row, format, scopesOf)
      return await inTime(add(key, hash, lastUsedAt), deadline)
    } catch (fault) {
      if (!(fault instanceof AccessError && fault.code === 'KEY_INPUT_INVALID')) throw fault
      return { status: 'refused', reason: String(fault.reason) }
    }
  }

  return async function importKeys (rows, options) {
    const format = formats.find(({ name }) => name === options.format)
    if (format === undefined) {
      const known = formats.map(({ name }) => name).join(', ')
      throw invalid(`format must be one of keys.formats${known && ` (${known})`}, not ${show(options.format)}`)
    }
    if (!Array.isArray(rows) || rows.length > MAX_ROWS) throw invalid(`rows must be an array of at most ${MAX_ROWS}`)
    const results: ImportResult[] = []
    for (let i = 0; i < rows.length; i += AT_A_TIME) {
      const batch = rows.slice(i, i + AT_A_TIME)
      results.push(...await Promise.all(batch.map((row) => importRow(row, format, options.scopesOf))))
    }
    return results
  }
}
