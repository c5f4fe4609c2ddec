/** Where a page of a list that is sorted by `createdAt`, then `id`, has ended. */
export interface Position { readonly createdAt: Date, readonly id: string }

/** Milliseconds since the epoch, a full stop, and the id. */
const FORM = /^(0|[1-9]\d{0,14})\.(\P{Cc}{1,256})$/u

/** A position as text that callers pass back to get the next page. */
export function writeCursor ({ createdAt, id }: Position): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** @returns undefined for any text that `writeCursor` has not written */
export function readCursor (cursor: string): Position | undefined {
  const [, time, id] = FORM.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (time === undefined || id === undefined) return undefined
  const position = { createdAt: new Date(Number(time)), id }
  return writeCursor(position) === cursor ? position : undefined
}
