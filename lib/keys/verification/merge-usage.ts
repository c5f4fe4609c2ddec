import type { KeyUse } from '../store.js'

/** One use a key, of the latest instants: a store then writes each key once. */
export function mergeUses (uses: readonly KeyUse[]): readonly KeyUse[] {
  const merged = new Map<string, KeyUse>()
  for (const use of uses) {
    const name = JSON.stringify([use.workspace, use.id])
    const other = merged.get(name)
    merged.set(name, other === undefined ? use : { ...use, lastUsedAt: later(other.lastUsedAt, use.lastUsedAt), scopesUsedAt: laterOfEach(other.scopesUsedAt, use.scopesUsedAt) })
  }
  return [...merged.values()]
}

/** All names of both, each with its later instant. Names of built-in properties are names like any other. */
export function laterOfEach (some: Readonly<Record<string, Date>>, others: Readonly<Record<string, Date>>): Readonly<Record<string, Date>> {
  const dates = new Map(Object.entries(some))
  for (const [name, at] of Object.entries(others)) dates.set(name, later(dates.get(name), at))
  return Object.fromEntries(dates)
}

export function later (stored: Date | undefined, at: Date): Date {
  return stored === undefined || stored < at ? at : stored
}
