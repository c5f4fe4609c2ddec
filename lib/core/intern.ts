/** Beyond these the lists are dropped here; principals that use one keep it. */
const MAX_LISTS = 10_000
const lists = new Map<string, readonly string[]>()

/** Returns one frozen list for all equal scopes: it takes less memory, and what it grants is computed once. */
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
