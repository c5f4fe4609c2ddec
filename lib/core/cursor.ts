/** Where a page of a list ended. Lists are newest first: by `createdAt`, then by `id`, descending. */
export interface Position { readonly createdAt: Date, readonly id: string }

/** Milliseconds since the epoch, a full stop, and the id. */
const FORM = /^(0|[1-9]\d{0,14})\.(\P{Cc}{1,256})$/u

/** A position as opaque text for callers. */
export function writeCursor ({ createdAt, id }: Position): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** Undefined for any text that `writeCursor` did not write. */
export function readCursor (cursor: string): Position | undefined {
  const [, time, id] = FORM.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (time === undefined || id === undefined) return undefined
  const position = { createdAt: new Date(Number(time)), id }
  return writeCursor(position) === cursor ? position : undefined
}

/** Compares in the order of lists. Ids are compared by code unit, as databases that compare bytes do. */
export function newestFirst (one: Position, other: Position): number {
  return other.createdAt.getTime() - one.createdAt.getTime() || Number(one.id < other.id) - Number(one.id > other.id)
}

/** A page of `limit` records, and where it ended. @param found one record more than the limit where there are more */
export function cutPage<T extends Position> (found: readonly T[], limit: number): [T[], Position | undefined] {
  const last = found.length > limit ? found[limit - 1] : undefined
  return [found.slice(0, limit), last && { createdAt: last.createdAt, id: last.id }]
}
