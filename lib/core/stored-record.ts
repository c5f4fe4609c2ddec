import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { RecordError, type StoreError } from './store-error.js'

/** Called for each record that a scan passes over, since it can't be used, with an error that names it. */
export type OnBroken = (fault: StoreError) => void

/** Who did something, as `actorOf` names them. */
export const writtenActor =
  Type.Object({ kind: Type.String(), id: Type.String(), owner: Type.Optional(Type.String()) })

type Revive = (name: string, value: unknown) => unknown

/**
 * A stored text as what it must be.
 * @param record for messages, such as `key "key_1"`
 * @throws RecordError
 */
export function parseRecord<S extends TSchema> (schema: S, text: string, record: string, revive?: Revive): Static<S> {
  const value = parse(text, record, revive)
  if (Value.Check(schema, value)) return value
  const faults = [...Value.Errors(schema, value)]
  throw new RecordError(record, String(faults.map(describe).at(0)))
}

function parse (text: string, record: string, revive?: Revive): unknown {
  try {
    return JSON.parse(text, revive)
  } catch {
    throw new RecordError(record, 'it is no JSON')
  }
}

function describe ({ path, message }: { readonly path: string, readonly message: string }): string {
  return path === '' ? message : `${path}: ${message}`
}

/** Reads what can be read: one broken record must not stop a scan over many. */
export function readEach<Row, T> (rows: readonly Row[], read: (row: Row) => T, onBroken?: OnBroken): T[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)]
    } catch (fault) {
      if (!(fault instanceof RecordError)) throw fault
      onBroken?.(fault)
      return []
    }
  })
}
