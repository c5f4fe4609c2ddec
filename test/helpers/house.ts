import ts from 'typescript'

/** Source text by path below `lib/`. */
export type Sources = ReadonlyMap<string, string>

const MAX_LINES = 200
const PACKAGE = 'fastify-latchkey'
const ROOF = new Set(['index.ts', 'latchkey.ts', 'latchkey-options.ts'])
const GROUND = 0
const ROOF_FLOOR = 6

/** Floor of each room: a room imports only from floors below its own. A new room takes its place here first. */
const FLOORS: ReadonlyMap<string, number> = new Map([
  ['core', GROUND],
  ['postgres', 1], ['redis', 1], ['events', 1],
  ['auth', 2], ['scopes', 2], ['limits', 2], ['server', 2], ['webhooks', 2], ['usage', 2],
  ['keys', 3], ['oauth', 3], ['openapi', 3],
  ['management', 4],
  ['testing', 5], ['console', 5],
])

/** Rooms that others build on, and hosts never import: they are no subpath of the package. */
const FOUNDATIONS = new Set(['core', 'postgres', 'redis'])

/** What runs in browsers alone, with packages that are built into it. */
const BROWSER = { folder: 'console/element/ui/', entry: 'console/element/ui/public.ts', bundled: ['lit'] }

export const rooms = (sources: Sources): string[] => {
  const names = new Set([...sources.keys()].map(roomOf).filter((room) => room !== ''))
  return [...names].sort()
}

/** Every way in which these files break the rules of the house, as sentences; an empty list is a sound house. */
export function inspect (sources: Sources, dependencies: readonly string[] = []): string[] {
  const edges = edgesOf(sources)
  return [
    ...rooms(sources).flatMap((room) => faultsOfRoom(room, sources)),
    ...[...sources].flatMap(([file, text]) => faultsOfSize(file, text)),
    ...[...edges].flatMap(([file, targets]) => targets.flatMap((target) => faultsOfEdge(file, target, dependencies))),
    ...cycles(edges),
    ...unreached(edges),
  ]
}

function faultsOfRoom (room: string, sources: Sources): string[] {
  return [
    ...(FLOORS.has(room) ? [] : [`${room}/ has no floor: give it one in test/helpers/house.ts`]),
    ...(FOUNDATIONS.has(room) || sources.has(`${room}/index.ts`) ? [] : [`${room}/ has no index.ts`]),
  ]
}

function faultsOfSize (file: string, text: string): string[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return lines > MAX_LINES ? [`${file} has ${lines} lines, more than ${MAX_LINES}`] : []
}

function faultsOfEdge (file: string, target: string, dependencies: readonly string[]): string[] {
  if (!isFile(target)) return faultsOfPackage(file, target, dependencies)
  if (target.startsWith('..')) return [`${file} imports ${target}: outside lib/`]
  const from = floorOf(file)
  const to = floorOf(target)
  if (to > from) return [`${file} imports ${target}: upwards`]
  if (to === from && roomOf(file) !== roomOf(target)) return [`${file} imports ${target}: sideways`]
  return []
}

function faultsOfPackage (file: string, specifier: string, dependencies: readonly string[]): string[] {
  if (specifier.startsWith('node:')) return []
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === PACKAGE) return [`${file} imports ${specifier}: the house by its own name`]
  if (file.startsWith(BROWSER.folder) && BROWSER.bundled.includes(name)) return []
  return dependencies.includes(name) ? [] : [`${file} imports ${specifier}: not a dependency`]
}

function cycles (edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const faults: string[] = []
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) faults.push(`cycle: ${[...path.slice(start), file].join(' → ')}`)
    if (start >= 0 || done.has(file)) return
    for (const target of edges.get(file) ?? []) walk(target, [...path, file])
    done.add(file)
  }
  for (const file of edges.keys()) walk(file, [])
  return faults
}

/** A file that no entry point reaches is dead, and no coverage report would name it. */
function unreached (edges: ReadonlyMap<string, readonly string[]>): string[] {
  const entries = [...edges.keys()].filter((file) => file === 'index.ts' || file === BROWSER.entry || /^[^/]+\/([^/]+\/)?index\.ts$/.test(file))
  const seen = new Set(entries)
  for (const file of seen) for (const target of edges.get(file) ?? []) seen.add(target)
  return [...edges.keys()].filter((file) => !seen.has(file)).map((file) => `${file} is reached from no index.ts`)
}

function edgesOf (sources: Sources): Map<string, string[]> {
  return new Map([...sources].map(([file, text]) => {
    const imported = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => resolve(file, fileName))
    return [file, [...new Set(imported)]]
  }))
}

/** Relative specifiers as paths below lib/ (leading `..` when they leave it); everything else as it is. */
function resolve (file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  const path = file.split('/').slice(0, -1)
  for (const step of specifier.split('/')) {
    if (step === '..' && path.length > 0 && path.at(-1) !== '..') path.pop()
    else if (step !== '.') path.push(step)
  }
  return path.join('/').replace(/\.js$/, '.ts')
}

const isFile = (target: string): boolean => target.endsWith('.ts')

const roomOf = (file: string): string => file.includes('/') ? file.slice(0, file.indexOf('/')) : ''

function floorOf (file: string): number {
  if (roomOf(file) === '') return ROOF.has(file) ? ROOF_FLOOR : GROUND
  return FLOORS.get(roomOf(file)) ?? GROUND
}
