import type { ChangedKey } from './change-bus.js'

interface Change { readonly sequence: number, readonly version: number }

/** Recent changes, and which answers of a store they outdate: those that were asked for before the change. */
export interface ChangeLog {
  /** A sequence number for a look-up that begins now: greater than that of every change so far. */
  next (now: number): number
  /** Outdates all look-ups of a key that began before. @param version that the key has at least; 0 where unknown */
  add (id: string, version: number, now: number): void
  /** As `add`, unless a change to this version is known already. */
  addUnknown (change: ChangedKey, now: number): void
  /** True when the answer to a look-up with this sequence number may be older than the key is. */
  outdates (id: string, version: number, sequence: number): boolean
}

/**
 * Changes are kept in two generations, so that forgetting old ones costs nothing per change.
 * @param span milliseconds that a change is remembered at least
 * @param maxChanges changes to remember; beyond them, all look-ups that began before count as outdated
 */
export function createChangeLog (span: number, maxChanges: number): ChangeLog {
  let recent = new Map<string, Change>()
  let earlier = new Map<string, Change>()
  let sequence = 0
  /** Look-ups before this one are outdated, whatever key they were for. */
  let oldestValid = 0
  let recentSince = -Infinity

  function rotate (now: number): void {
    if (now - recentSince < span) return
    recentSince = now
    if (recent.size === 0 && earlier.size === 0) return
    earlier = recent
    recent = new Map()
  }

  const find = (id: string): Change | undefined => recent.get(id) ?? earlier.get(id)

  function add (id: string, version: number, now: number): void {
    rotate(now)
    recent.set(id, { sequence: ++sequence, version: Math.max(version, find(id)?.version ?? 0) })
    if (recent.size <= maxChanges) return
    oldestValid = ++sequence
    recent.clear()
    earlier.clear()
  }

  return {
    next (now) {
      rotate(now)
      return ++sequence
    },
    add,
    addUnknown ({ id, version }, now) {
      const known = find(id)
      if (known === undefined || known.version < version) add(id, version, now)
    },
    outdates (id, version, sequence) {
      if (sequence < oldestValid) return true
      const change = find(id)
      return change !== undefined && (sequence < change.sequence || version < change.version)
    }
  }
}
