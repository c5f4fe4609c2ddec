/** A key has changed: what is older than this version must not be used any more. */
export interface ChangedKey {
  readonly id: string
  readonly version: number
}

/**
 * Tells of changes of keys to all who hold records of them. A bus between processes may lose or repeat what it tells, or
 * tell it late: what is held is never older than the record cache's `maxAge`.
 */
export interface KeyChanges {
  /** Resolves when the others were told, as far as that is known. */
  publish (change: ChangedKey): void | Promise<void>
  /** @returns what ends the subscription */
  subscribe (listener: (change: ChangedKey) => void): () => void
}

/** The bus of one process, for several apps over one store. */
export function createProcessChanges (): KeyChanges {
  const listeners = new Set<(change: ChangedKey) => void>()
  return {
    publish (change) {
      const faults: unknown[] = []
      for (const listener of listeners) {
        try {
          listener(change)
        } catch (fault) {
          faults.push(fault)
        }
      }
      if (faults.length > 0) throw new AggregateError(faults, 'not everybody could hear of a change of a key')
    },
    subscribe (listener) {
      const own = (change: ChangedKey): void => listener(change)
      listeners.add(own)
      return () => { listeners.delete(own) }
    }
  }
}

interface Noted { readonly turn: number, readonly version: number }

/** What is known of changes lately, and which answers they outdate. */
export interface ChangeLog {
  /** A number for a question that is asked now: greater than that of every change noted so far. */
  turn (now: number): number
  /** Whatever was asked before is no answer any more. @param version that the key has at least; 0 when that is not known */
  note (id: string, version: number, now: number): void
  /** As `note`, unless so much is known already. */
  hear (change: ChangedKey, now: number): void
  /** True when an answer to a question of this turn may be older than the key is. */
  outdates (id: string, version: number, turn: number): boolean
}

/**
 * @param span milliseconds for which a change is remembered at least
 * @param most changes to be remembered; beyond it all earlier answers count as outdated
 */
export function createChangeLog (span: number, most: number): ChangeLog {
  let recent = new Map<string, Noted>()
  let earlier = new Map<string, Noted>()
  let turns = 0
  let horizon = 0
  let since = -Infinity

  function age (now: number): void {
    if (now - since < span) return
    since = now
    if (recent.size === 0 && earlier.size === 0) return
    earlier = recent
    recent = new Map()
  }

  const find = (id: string): Noted | undefined => recent.get(id) ?? earlier.get(id)

  function note (id: string, version: number, now: number): void {
    age(now)
    recent.set(id, { turn: ++turns, version: Math.max(version, find(id)?.version ?? 0) })
    if (recent.size <= most) return
    horizon = ++turns
    recent.clear()
    earlier.clear()
  }

  return {
    turn (now) {
      age(now)
      return ++turns
    },
    note,
    hear ({ id, version }, now) {
      const known = find(id)
      if (known === undefined || known.version < version) note(id, version, now)
    },
    outdates (id, version, turn) {
      if (turn < horizon) return true
      if (recent.size === 0 && earlier.size === 0) return false
      const change = find(id)
      return change !== undefined && (turn < change.turn || version < change.version)
    }
  }
}
