import { cutPage } from '../../core/cursor.js'
import { readEach } from '../../core/stored-record.js'
import { writeEvent, type AccessEvent } from '../../events/index.js'
import { positionOf } from '../../postgres/database.js'
import { withTables } from '../../postgres/migrate.js'
import type { OpenDatabase } from '../../postgres/options.js'
import { rowsFromPrimary } from '../../postgres/primary.js'
import { newestGeneration, writeKey } from '../codec.js'
import { loadKey } from '../record.js'
import type { KeyNotices, KeyStore, KeyUse, NewKey } from '../store.js'
import { mergeUses } from '../verification/merge-usage.js'
import { createSqlNotices } from './notices.js'
import { keyOf, verifiedKeyOf } from './rows.js'
import { tables } from './schema.js'
import { createStatements } from './statements.js'

/** A key store that makes its tables with its first use. */
export interface SqlKeyStore extends KeyStore {
  /** Makes the tables, or brings those of an earlier release up to date. Processes may call it at the same time. */
  migrate (): Promise<void>
  ready (): Promise<void>
  readonly notices: KeyNotices
  close (): Promise<void>
}

export function createSqlKeyStore ({ database, schema, atBoot, shared }: OpenDatabase): SqlKeyStore {
  const statements = createStatements(schema)
  const { read, write, migrate, ready, reconnect, close } = withTables(database, schema, tables, atBoot)

  return {
    shared,
    migrate,
    ready,
    reconnect,
    close,
    async insert (key, hash, event) {
      const { id, workspace, environment, owner = null, createdAt, version } = key
      await write(statements.insert, [
        id, workspace, environment, owner, createdAt.getTime(), version, writeKey(key), hash, newestGeneration(key),
        eventsOf(event)
      ])
    },
    async insertMany (keys) {
      const rows = await write(statements.insertMany, newKeyColumns(keys))
      return rows.map(({ added, existing }) =>
        ({ added: added !== null, existing: existing === null ? undefined : String(existing) }))
    },
    async findByHash (hash) {
      const [row] = rowsFromPrimary(await read(statements.findByHash, [hash]))
      return row && loadKey(verifiedKeyOf(row), Number(row.generation))
    },
    async get (workspace, id) {
      const [row] = rowsFromPrimary(await read(statements.get, [workspace, id]))
      return row && keyOf(row)
    },
    async list (workspace, page, onBroken) {
      const { text, values } = statements.list(workspace, page)
      const rows = rowsFromPrimary(await read(text, values))
      const [found, next] = cutPage(rows.map(positionOf), page.limit)
      return { keys: readEach(found, ({ row }) => keyOf(row), onBroken), next }
    },
    async update (key, hash, event) {
      const { id, workspace, environment, owner = null, version, secrets } = key
      const changed = await write(statements.update, [
        id, workspace, version - 1, environment, owner, version, writeKey(key),
        hash ?? null, newestGeneration(key), secrets.map(({ generation }) => generation),
        eventsOf(event)
      ])
      return changed.length > 0
    },
    async recordUse (uses) {
      const merged = mergeUses(uses)
      if (merged.length > 0) await write(statements.recordUse, columnsOf(merged))
    },
    notices: createSqlNotices(write, schema)
  }
}

/** By its id, so that one event can be removed from the others. */
function eventsOf (event: AccessEvent | undefined): string | null {
  return event === undefined ? null : JSON.stringify({ [event.id]: writeEvent(event) })
}

function newKeyColumns (keys: readonly NewKey[]): unknown[] {
  return [
    keys.map(({ key }) => key.id),
    keys.map(({ key }) => key.workspace),
    keys.map(({ key }) => key.environment),
    keys.map(({ key }) => key.owner ?? null),
    keys.map(({ key }) => key.createdAt.getTime()),
    keys.map(({ key }) => key.version),
    keys.map(({ key }) => writeKey(key)),
    keys.map(({ hash }) => hash),
    keys.map(({ key }) => newestGeneration(key))
  ]
}

function columnsOf (uses: readonly KeyUse[]): unknown[] {
  const scopes = uses.map(({ scopesUsedAt }) => Object.entries(scopesUsedAt))
  return [
    uses.map(({ workspace }) => workspace),
    uses.map(({ id }) => id),
    uses.map(({ lastUsedAt }) => lastUsedAt.getTime()),
    scopes.map((used) => JSON.stringify(Object.fromEntries(used.map(([scope, at]) => [scope, at.getTime()]))))
  ]
}
