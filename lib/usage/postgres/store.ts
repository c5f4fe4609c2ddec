import { withTables } from '../../postgres/migrate.js'
import type { OpenDatabase } from '../../postgres/options.js'
import { LENGTHS } from '../hours.js'
import type { UsageCount, UsageStore } from '../store.js'
import { tables } from './schema.js'
import { createStatements } from './statements.js'

/** A usage store that makes its tables with its first use. */
export interface SqlUsageStore extends UsageStore {
  /** Makes the tables, or brings those of an earlier release up to date. Processes may call it at the same time. */
  migrate (): Promise<void>
  ready (): Promise<void>
  close (): Promise<void>
}

/** Seconds for a batch, which may have counts of 100,000 keys. */
const ADD_TIMEOUT = 10
/** Counts that one statement deletes. */
const BATCH_SIZE = 5000
/** In place of the id where all keys are counted together. */
const ALL_KEYS = ''

export function createSqlUsageStore ({ database, schema, atBoot }: OpenDatabase): SqlUsageStore {
  const statements = createStatements(schema)
  const { read, write, transaction, migrate, ready, close } = withTables(database, schema, tables, atBoot)

  return {
    migrate,
    ready,
    close,
    async add ({ writer, sequence, madeAt, counts }) {
      const column = (of: (count: UsageCount) => unknown): unknown[] => counts.map(of)
      const values = [
        writer,
        sequence,
        madeAt,
        column(({ workspace }) => workspace),
        column(({ environment }) => environment),
        column(({ keyId }) => keyId ?? ALL_KEYS),
        column(({ at }) => at),
        column(({ outcome }) => outcome),
        column(({ requests }) => requests)
      ]
      await transaction(ADD_TIMEOUT, async (run) => await run(statements.add, values))
    },
    async read ({ workspace, environment, keyIds, from, to, by }) {
      const ids = keyIds.map((id) => id ?? ALL_KEYS)
      const rows = await read(statements.read, [workspace, environment, ids, from, to, LENGTHS[by]])
      return rows.map(({ key_id: keyId, at, outcome, requests }) => ({
        keyId: keyId === ALL_KEYS ? null : String(keyId),
        at: Number(at),
        outcome: String(outcome),
        requests: Number(requests)
      }))
    },
    async prune (before) {
      while ((await write(statements.prune, [before, BATCH_SIZE])).length === BATCH_SIZE);
      await write(statements.pruneWriters, [before])
    }
  }
}
