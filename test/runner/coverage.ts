import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What V8 saw of the library, and what ran when it did. */
const folder = '.coverage'
export const rawCoverage = resolve(folder, 'v8')

/** Which files have been run for the coverage that is there, of which build, on which Node. */
interface Ran { readonly build: string, readonly node: string, readonly files: readonly string[] }

export function clearCoverage (): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(rawCoverage, { recursive: true })
}

/** What an earlier run with `--coverage` has run of this very build on this Node. */
export function alreadyRun (build: string): ReadonlySet<string> {
  try {
    const ran: Ran = JSON.parse(readFileSync(join(folder, 'ran.json'), 'utf8'))
    return new Set(ran.build === build && ran.node === process.version ? ran.files : [])
  } catch {
    return new Set()
  }
}

/** Keeps of what V8 wrote the scripts of lib/, and notes what ran. */
export function keepCoverage (build: string, files: readonly string[]): void {
  const lib = `${pathToFileURL('.build/lib')}/`
  for (const name of readdirSync(rawCoverage)) {
    const path = join(rawCoverage, name)
    const raw: Raw = JSON.parse(readFileSync(path, 'utf8'))
    const result = raw.result.filter(({ url }) => url.startsWith(lib))
    const sources = Object.entries(raw['source-map-cache'] ?? {}).filter(([url]) => url.startsWith(lib))
    if (result.length === 0) rmSync(path)
    else writeFileSync(path, JSON.stringify({ result, 'source-map-cache': Object.fromEntries(sources) }))
  }
  const ran: Ran = { build, node: process.version, files }
  writeFileSync(join(folder, 'ran.json'), JSON.stringify(ran))
}

interface Raw {
  readonly result: ReadonlyArray<{ readonly url: string }>
  readonly 'source-map-cache'?: Readonly<Record<string, unknown>>
}

/** Prints what is not covered. @returns whether all of lib/ is */
export function isCovered (): boolean {
  const never = neverLoaded()
  for (const file of never) console.log(`${file} is loaded by no test`)
  const { status } = spawnSync(process.execPath, ['node_modules/c8/bin/c8.js', 'report', '--temp-directory', rawCoverage,
    '--include', '.build/lib/**', '--include', 'lib/**', '--reports-dir', join(folder, 'report'), '--reporter', 'text', '--skip-full', '--100'],
  { stdio: 'inherit' })
  return never.length === 0 && status === 0
}

/** Views of the web component run in a browser alone, where the tests of test/console click them. */
const BROWSER = join('console', 'element', 'ui')

/** Files with code that no process has loaded: V8 says nothing of those. */
function neverLoaded (): string[] {
  const loaded = new Set<string>()
  for (const name of readdirSync(rawCoverage)) {
    const raw: Raw = JSON.parse(readFileSync(join(rawCoverage, name), 'utf8'))
    for (const { url } of raw.result) loaded.add(url)
  }
  const files = readdirSync('.build/lib', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js') && !file.startsWith(BROWSER))
  return files.map((file) => join('.build/lib', file))
    .filter((file) => !readFileSync(file, 'utf8').startsWith('//# sourceMappingURL'))
    .filter((file) => !loaded.has(pathToFileURL(file).href))
}
