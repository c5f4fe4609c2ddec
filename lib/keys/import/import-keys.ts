import { randomUUID } from 'node:crypto'
import { AccessError } from '../../core/errors.js'
import { show } from '../../core/options.js'
import { DuplicateError } from '../../core/store-error.js'
import { readIssueInput, readOwn, invalid, type InputContext } from '../lifecycle/input.js'
import { importRowSchema } from '../lifecycle/record-schema.js'
import { inTime } from '../lifecycle/update-key.js'
import { copyKey, type ApiKey } from '../record.js'
import type { KeyStore, NewKey } from '../store.js'
import type { ForeignSecrets } from './foreign-format.js'
import type { ImportKeys, ImportOptions, ImportResult, ImportRow } from './import-row.js'

export interface ImportDeps extends Pick<InputContext, 'scopes' | 'tagOf' | 'metadata'> {
  readonly formats: readonly ForeignSecrets[]
  readonly store: KeyStore
  readonly clock: () => number
  /** Seconds that the store may take for each call. */
  readonly deadline: number
}

const MAX_ROWS = 1000
/** Rows that go to the store together, where it can add many. */
const BATCH_SIZE = 200
/** Rows that the store is asked about at a time, where it adds one by one. */
const AT_A_TIME = 10

interface ReadRow extends NewKey { readonly lastUsedAt: Date | undefined }

/** Adds keys by the hashes of their secrets. A row whose hash is there already changes nothing. */
export function createImportKeys (deps: ImportDeps): ImportKeys {
  const { formats, store, clock, deadline, scopes, tagOf, metadata } = deps

  function readRow (row: ImportRow, format: ForeignSecrets, scopesOf: ImportOptions['scopesOf']): ReadRow {
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

  async function addOne ({ key, hash, lastUsedAt }: ReadRow): Promise<ImportResult> {
    const before = await idOf(hash)
    if (before !== undefined) return { status: 'exists', id: before }
    try {
      await store.insert(key, hash)
    } catch (fault) {
      if (!(fault instanceof DuplicateError)) throw fault
      return existing(key, await idOf(hash))
    }
    await recordUses([{ key, lastUsedAt }])
    return { status: 'imported', id: key.id }
  }

  async function idOf (hash: string): Promise<string | undefined> {
    return (await store.findByHash(hash, true))?.principal.id
  }

  /** @returns undefined where nothing was added, since one of the rows is a duplicate that came in between */
  async function addMany (rows: readonly ReadRow[]): Promise<ImportResult[] | undefined> {
    try {
      const inserted = await store.insertMany?.(rows)
      if (inserted === undefined) return undefined
      const named = rows.map(({ key, ...row }, i) => ({ ...row, key: { ...key, id: inserted[i]?.id ?? key.id } }))
      await recordUses(named.filter((_, i) => inserted[i]?.added))
      return named.map(({ key }, i) =>
        inserted[i]?.added === true ? { status: 'imported', id: key.id } : existing(key, inserted[i]?.existing))
    } catch (fault) {
      if (fault instanceof DuplicateError) return undefined
      throw fault
    }
  }

  async function recordUses (rows: ReadonlyArray<Omit<ReadRow, 'hash'>>): Promise<void> {
    const uses = rows.flatMap(({ key: { workspace, id }, lastUsedAt }) =>
      lastUsedAt === undefined ? [] : [{ workspace, id, lastUsedAt, scopesUsedAt: {} }])
    if (uses.length > 0) await store.recordUse(uses)
  }

  async function addAll (rows: readonly ReadRow[]): Promise<ImportResult[]> {
    const together = await inTime(addMany(rows), deadline)
    if (together !== undefined) return together
    const results: ImportResult[] = []
    for (let i = 0; i < rows.length; i += AT_A_TIME) {
      const some = rows.slice(i, i + AT_A_TIME)
      results.push(...await Promise.all(some.map((row) => inTime(addOne(row), deadline))))
    }
    return results
  }

  async function importBatch (
    rows: readonly ImportRow[], format: ForeignSecrets, scopesOf: ImportOptions['scopesOf']
  ): Promise<ImportResult[]> {
    const read: ReadRow[] = []
    const refused: Array<{ readonly place: number, readonly result: ImportResult }> = []
    for (const [place, row] of rows.entries()) {
      try {
        read.push(readRow(row, format, scopesOf))
      } catch (fault) {
        if (!(fault instanceof AccessError)) throw fault
        refused.push({ place, result: { status: 'refused', reason: String(fault.reason) } })
      }
    }
    const results = await addAll(read)
    for (const { place, result } of refused) results.splice(place, 0, result)
    return results
  }

  return async function importKeys (rows, options) {
    const format = formats.find(({ name }) => name === options.format)
    if (format === undefined) {
      const known = formats.map(({ name }) => name).join(', ')
      throw invalid(`format must be one of keys.formats${known && ` (${known})`}, not ${show(options.format)}`)
    }
    if (!Array.isArray(rows) || rows.length > MAX_ROWS) throw invalid(`rows must be an array of at most ${MAX_ROWS}`)
    const results: ImportResult[] = []
    for (let i = 0; i < rows.length; i += BATCH_SIZE) {
      results.push(...await importBatch(rows.slice(i, i + BATCH_SIZE), format, options.scopesOf))
    }
    return results
  }
}

/** What became of a row that was not added. @param id of the key that has its hash */
function existing ({ id: own }: ApiKey, id: string | undefined): ImportResult {
  return id === undefined
    ? { status: 'refused', reason: `id ${show(own)} is that of another key` }
    : { status: 'exists', id }
}
