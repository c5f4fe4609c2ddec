import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** The helpers that a compiled test imports, directly or through others, by name. */
export function helpersOf (file: string): ReadonlySet<string> {
  const seen = new Set([resolve(file)])
  for (const path of seen) {
    for (const [, specifier = ''] of readFileSync(path, 'utf8').matchAll(IMPORT)) {
      const imported = resolve(dirname(path), specifier)
      if (imported.includes('/.build/test/')) seen.add(imported)
    }
  }
  return new Set([...seen].filter((path) => path.includes('/helpers/')).map((path) => basename(path, '.js')))
}

/** As esbuild writes every relative import. */
const IMPORT = /\b(?:from|import)\s*\(?\s*"(\.[^"]+\.js)"/g
