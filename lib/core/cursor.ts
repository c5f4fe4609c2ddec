import type { KeyPosition } from '../keys/store.js'

/** Milliseconds since the epoch, a full stop, and the id. */
const FORM = /^(0|[1-9]\d{0,14})\.(\P{Cc}{1,256})$/u

/** Where a page ended, as text that means nothing to whoever gets it. */
export function writeCursor ({ createdAt, id }: KeyPosition): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url')
}

/** Undefined for whatever `writeCursor` did not write. */
export function readCursor (cursor: string): KeyPosition | undefined {
  const [, time, id] = FORM.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (time === undefined || id === undefined) return undefined
  const position = { createdAt: new Date(Number(time)), id }
  return writeCursor(position) === cursor ? position : undefined
}
