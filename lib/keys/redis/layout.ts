import type { KeyPage } from '../store.js'

/** Names of what the store keeps in Redis. On a Cluster, all of a workspace but its hashes lies in one slot. */
export interface Layout {
  /** A hash: `record` and `createdAt`, `version`, `hashes`, `change`, and what uses have noted. */
  record (workspace: string, id: string): string
  /** Sorted sets of a workspace's keys: of all, of those of an owner, of those of an environment, and of both. */
  list (workspace: string, of?: Pick<KeyPage, 'owner' | 'environment'>): string
  /** Text: workspace and id of the key that a hash may open. */
  hash (hash: string): string
  /** Text: the workspace that has a key of this id. */
  id (id: string): string
  /** Sorted set of all keys that are to be looked at for notices, by when. */
  readonly due: string
}

/** @param namespace what all names begin with; no braces, which choose slots */
export function createLayout (namespace: string): Layout {
  return {
    record: (workspace, id) => `${namespace}:{${word(workspace)}}:key:${word(id)}`,
    list: (workspace, { owner, environment } = {}) => `${namespace}:{${word(workspace)}}:list${part('owner', owner)}${part('environment', environment)}`,
    hash: (hash) => `${namespace}:hash:${word(hash)}`,
    id: (id) => `${namespace}:id:${word(id)}`,
    due: `${namespace}:due`
  }
}

function part (name: string, value: string | undefined): string {
  return value === undefined ? '' : `:${name}:${word(value)}`
}

/** Any text as one without colons and braces; halves of surrogate pairs, which UTF-8 can't hold, stay apart by JSON's escapes. */
function word (text: string): string {
  return encodeURIComponent(JSON.stringify(text).slice(1, -1))
}

/** Dates reach 8.64e15 ms to both sides of the epoch; what is before it must sort too. */
const EARLIEST = 8_640_000_000_000_000n
const DIGITS = 17

/** A key as a member of a sorted set, in whose order of bytes it lies by `createdAt`, then id. */
export function memberOf (createdAt: Date, id: string): string {
  return String(BigInt(createdAt.getTime()) + EARLIEST).padStart(DIGITS, '0') + id
}

export function idOf (member: string): string {
  return member.slice(DIGITS)
}
