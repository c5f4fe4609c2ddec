import type { ApiKey } from '../record.js'
import type { KeyPage, KeyPosition } from '../store.js'

interface Stored { readonly key: ApiKey }

type Filter = Pick<KeyPage, 'owner' | 'environment'>

/** The keys of a workspace, oldest first; and of those of an owner, of an environment and of both, once somebody asks for such. */
interface Workspace<T> {
  readonly all: T[]
  filtered?: Map<string, T[]>
}

/** Lists of which a page costs what it shows. */
export interface MemoryLists<T extends Stored> {
  add (stored: T): void
  /** Changes a key, which may put it on other lists. */
  move (stored: T, change: () => void): void
  /** @returns newest first, and whether there are more */
  page (workspace: string, page: KeyPage): readonly [readonly T[], boolean]
}

export function createMemoryLists<T extends Stored> (): MemoryLists<T> {
  const workspaces = new Map<string, Workspace<T>>()

  function insert (list: T[], stored: T): void {
    list.splice(countBefore(list, stored.key), 0, stored)
  }

  function listIn (filtered: Map<string, T[]>, name: string): T[] {
    const list = filtered.get(name) ?? []
    filtered.set(name, list)
    return list
  }

  function filter (workspace: Workspace<T>): Map<string, T[]> {
    const filtered = new Map<string, T[]>()
    for (const stored of workspace.all) {
      for (const name of namesOf(stored.key)) listIn(filtered, name).push(stored)
    }
    workspace.filtered = filtered
    return filtered
  }

  return {
    add (stored) {
      const workspace = workspaces.get(stored.key.workspace) ?? { all: [] }
      workspaces.set(stored.key.workspace, workspace)
      insert(workspace.all, stored)
      if (workspace.filtered === undefined) return
      for (const name of namesOf(stored.key)) insert(listIn(workspace.filtered, name), stored)
    },
    move (stored, change) {
      const before = namesOf(stored.key)
      change()
      const filtered = workspaces.get(stored.key.workspace)?.filtered
      if (filtered === undefined) return
      const now = namesOf(stored.key)
      for (const name of before.filter((one) => !now.includes(one))) {
        const list = listIn(filtered, name)
        list.splice(countBefore(list, stored.key), 1)
        if (list.length === 0) filtered.delete(name)
      }
      for (const name of now.filter((one) => !before.includes(one))) insert(listIn(filtered, name), stored)
    },
    page (name, { limit, after, owner, environment }) {
      const workspace = workspaces.get(name)
      if (workspace === undefined) return [[], false]
      const list = owner === undefined && environment === undefined ? workspace.all : (workspace.filtered ?? filter(workspace)).get(nameOf({ owner, environment })) ?? []
      const end = after === undefined ? list.length : countBefore(list, after)
      const begin = Math.max(0, end - limit)
      return [list.slice(begin, end).reverse(), begin > 0]
    }
  }
}

function nameOf ({ owner, environment }: Filter): string {
  return JSON.stringify([owner ?? null, environment ?? null])
}

function namesOf ({ owner, environment }: ApiKey): string[] {
  return [{ environment }, ...owner === undefined ? [] : [{ owner }, { owner, environment }]].map(nameOf)
}

/** How many of these, oldest first, lie before `position`, which may be none of them. */
function countBefore (sorted: readonly Stored[], position: KeyPosition): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const stored = sorted[middle]
    if (stored !== undefined && compare(stored.key, position) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Oldest first; ids are compared by code units, as stores that keep bytes do. */
function compare (a: KeyPosition, b: KeyPosition): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
