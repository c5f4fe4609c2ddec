import { textCell, timeCell, type Field, type Reading } from './cells.js'
import type { Stored } from './form.js'
import { fill, type Strings } from './strings.js'
import { agoWords } from './time-words.js'

/** Who changed a record last, for people; undefined where the server itself did. */
function whoOf ({ updatedBy }: Stored, strings: Strings): string | undefined {
  if (updatedBy === undefined) return undefined
  const { kind, owner, you } = updatedBy
  if (you) return strings.you
  if (kind !== 'api-key') return owner ?? strings.somebody
  return owner === undefined ? strings.someKey : fill(strings.someKeyOf, { owner })
}

/** What a conflict says of the change that came first; undefined where nobody knows who made it. */
export function conflictWords (record: Stored, { now, locale, strings }: Reading): string | undefined {
  const who = whoOf(record, strings)
  if (who === undefined || record.updatedAt === undefined) return undefined
  const when = agoWords(record.updatedAt, now, locale)
  return fill(record.updatedBy?.you === true ? strings.conflictByYou : strings.conflictBy, { who, when })
}

/** The last change, as details show it. */
export const lastChange: ReadonlyArray<Field<Stored>> = [
  { name: 'changed', label: 'changed', cell: ({ updatedAt }, reading) => timeCell(updatedAt, reading) },
  { name: 'changed-by', label: 'changedBy', cell: (record, { strings }) => textCell(whoOf(record, strings)) }
]
