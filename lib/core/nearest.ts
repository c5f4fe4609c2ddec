/** The name that was most likely meant by a misspelt one; undefined where none is near. */
export function nearest (misspelt: string, names: readonly string[]): string | undefined {
  const near = names
    .map((name) => ({ name, distance: editDistance(misspelt.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= MAX_DISTANCE && distance < misspelt.length / 2)
  return near.sort((one, other) => one.distance - other.distance)[0]?.name
}

const MAX_DISTANCE = 2

/** How many characters must be added, removed or replaced to make one text of the other (Levenshtein). */
function editDistance (from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const char of from) {
    let left = Number(row[0]) + 1
    row = row.map((above, i) => {
      if (i === 0) return left
      const diagonal = Number(row[i - 1]) + Number(to[i - 1] !== char)
      left = Math.min(diagonal, above + 1, left + 1)
      return left
    })
  }
  return Number(row.at(-1))
}
