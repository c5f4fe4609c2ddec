import type { Position } from '../core/cursor.js'

/**
 * Any text as a part of a name in Redis, without colons and braces. JSON escapes lone surrogates first: UTF-8 would
 * write all of them alike.
 */
export function encodePart (text: string): string {
  return encodeURIComponent(JSON.stringify(text).slice(1, -1))
}

/** A `Date` reaches 8.64e15 ms to both sides of the epoch, and dates before it must sort too. */
const EARLIEST = 8_640_000_000_000_000n
const DIGITS = 17

/**
 * A record as a member of a sorted set whose scores are all equal: Redis then sorts by byte, so by `createdAt`, then
 * id.
 */
export function memberOf (createdAt: Date, id: string): string {
  return String(BigInt(createdAt.getTime()) + EARLIEST).padStart(DIGITS, '0') + id
}

export function idOf (member: string): string {
  return member.slice(DIGITS)
}

/** Where a member stands in a list, whether or not its record can be read. */
export function positionOf (member: string): Position {
  return { createdAt: new Date(Number(BigInt(member.slice(0, DIGITS)) - EARLIEST)), id: idOf(member) }
}
