import type { KeyUse } from '../store.js'

/** One use of each key, with the latest instants, so that a store writes each key once. */
export function mergeUses (uses: readonly KeyUse[]): readonly KeyUse[] {
  const merged = new Map<string, KeyUse>()
  for (const use of uses) {
    const name = JSON.stringify([use.workspace, use.id])
    const other = merged.get(name)
    merged.set(name, other === undefined ? use : mergeTwo(other, use))
  }
  return [...merged.values()]
}

function mergeTwo (one: KeyUse, other: KeyUse): KeyUse {
  return {
    ...other,
    lastUsedAt: later(one.lastUsedAt, other.lastUsedAt),
    scopesUsedAt: laterOfEach(one.scopesUsedAt, other.scopesUsedAt)
  }
}

type Dates = Readonly<Record<string, Date>>

/** All names of both, each with its later instant. A Map, since a scope may be called like a built-in property. */
export function laterOfEach (some: Dates, others: Dates): Dates {
  const dates = new Map(Object.entries(some))
  for (const [name, at] of Object.entries(others)) dates.set(name, later(dates.get(name), at))
  return Object.fromEntries(dates)
}

export function later (stored: Date | undefined, at: Date): Date {
  return stored === undefined || stored < at ? at : stored
}
