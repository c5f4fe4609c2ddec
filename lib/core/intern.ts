/** Lists that are shared at most; beyond it they are only forgotten here, not where they are used. */
const MAX_LISTS = 10_000
const lists = new Map<string, readonly string[]>()

/** One frozen list for all principals of equal scopes: less memory, and what it grants is worked out once. */
export function intern (scopes: readonly string[]): readonly string[] {
  const name = JSON.stringify(scopes)
  let list = lists.get(name)
  if (list === undefined) {
    list = Object.freeze([...scopes])
    if (lists.size >= MAX_LISTS) lists.clear()
    lists.set(name, list)
  }
  return list
}
