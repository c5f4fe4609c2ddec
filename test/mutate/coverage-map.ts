import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Copy } from './copy.js'

/** What a test file runs of lib/ where nothing is changed. */
export interface Reach {
  readonly milliseconds: number
  /** Lines by file, such as `lib/auth/header.ts`. */
  readonly lines: Readonly<Record<string, readonly number[]>>
}

interface Script {
  readonly url: string
  readonly functions: ReadonlyArray<{ readonly ranges: readonly Range[] }>
}

interface Range { readonly startOffset: number, readonly endOffset: number, readonly count: number }

const TIMEOUT_MS = 180_000

const CACHE = 'node_modules/.cache/latchkey-mutate'

/** Runs each test file once, unless it was run with this very lib/ before; files that fail are left out. */
export async function reachOf (tests: readonly string[], copy: Copy): Promise<Map<string, Reach>> {
  const lib = hashOf(readdirSync('.build/lib', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js')).sort().map((name) => `.build/lib/${name}`))
  const linesOf = createLineFinder(copy.folder)
  const reached = new Map<string, Reach>()
  mkdirSync(CACHE, { recursive: true })
  for (const test of tests) {
    const cache = join(CACHE, `${lib}-${hashOf([test])}.json`)
    const reach: Reach | null = existsSync(cache) ? JSON.parse(readFileSync(cache, 'utf8')) : await tryOne(test)
    writeFileSync(cache, JSON.stringify(reach))
    if (reach !== null) reached.set(test, reach)
  }
  return reached

  async function tryOne (test: string): Promise<Reach | null> {
    const folder = mkdtempSync(join(copy.folder, 'coverage-'))
    const began = performance.now()
    const passed = await copy.run(test, TIMEOUT_MS, { NODE_V8_COVERAGE: folder }) === 'passed'
    const milliseconds = Math.round(performance.now() - began)
    console.log(`${passed ? 'ok' : 'left out, because it fails'} ${test} (${(milliseconds / 1000).toFixed(1)} s)`)
    const lines = passed ? linesOf(folder) : {}
    rmSync(folder, { recursive: true })
    return passed ? { milliseconds, lines } : null
  }
}

function hashOf (files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/** Reads what V8 wrote to a folder as lines of the sources in lib/ that ran. */
function createLineFinder (copy: string): (folder: string) => Record<string, number[]> {
  const lib = `${pathToFileURL(join(copy, '.build/lib'))}/`
  const sources = new Map<string, Int32Array>()

  /** For each offset of a compiled file its line in the source, or 0. */
  function sourceLines (path: string): Int32Array {
    const known = sources.get(path)
    if (known !== undefined) return known
    const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
    const code = readFileSync(path, 'utf8')
    const lines = new Int32Array(code.length)
    let offset = 0
    code.split('\n').forEach((text, line) => {
      for (let column = 0; column < text.length; column++) {
        const entry = map.findEntry(line, column)
        if ('originalLine' in entry && /\S/.test(text.charAt(column))) lines[offset + column] = entry.originalLine + 1
      }
      offset += text.length + 1
    })
    sources.set(path, lines)
    return lines
  }

  return function linesOf (folder) {
    const found = new Map<string, Set<number>>()
    for (const name of readdirSync(folder)) {
      const { result }: { result: Script[] } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
      for (const { url, functions } of result.filter((script) => script.url.startsWith(lib))) {
        const path = fileURLToPath(url)
        if (!existsSync(`${path}.map`)) continue
        const file = relative(join(copy, '.build'), path).replace(/\.js$/, '.ts')
        const lines = found.get(file) ?? new Set()
        found.set(file, lines)
        const ran = painted(functions.flatMap(({ ranges }) => ranges))
        sourceLines(path).forEach((line, offset) => { if (line > 0 && ran[offset] === 1) lines.add(line) })
      }
    }
    return Object.fromEntries([...found].map(([file, lines]) => [file, [...lines]]))
  }
}

/** For each offset 1 where the innermost range ran. */
function painted (ranges: readonly Range[]): Uint8Array {
  const outermostFirst = ranges.toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const ran = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)))
  for (const { startOffset, endOffset, count } of outermostFirst) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  return ran
}
