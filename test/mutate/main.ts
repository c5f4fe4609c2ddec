import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { createCopy, type Copy } from './copy.js'
import { reachOf, type Reach } from './coverage-map.js'
import { describe, mutantsOf, type Mutant } from './mutants.js'
import { ROOMS } from './rooms.js'

const HELP = `npm run mutate -- [options]
  --room NAMES   ${Object.keys(ROOMS).join()}: all by default
  --sample N     as many mutants of each room, drawn by --seed; all by default
  --seed N       1 by default
  --at TEXTS     of those, only the ones whose place, such as lib/auth/header.ts:12., has one of these texts
  --budget N     seconds that the tests of one mutant take at most when nothing is changed; 30 by default`

const options = {
  help: { type: 'boolean', default: false },
  room: { type: 'string', default: Object.keys(ROOMS).join() },
  at: { type: 'string', default: '' },
  sample: { type: 'string', default: 'Infinity' },
  seed: { type: 'string', default: '1' },
  budget: { type: 'string', default: '30' }
} as const

/** A mutant may take this much longer than the unchanged code. */
const limitOf = ({ milliseconds }: Reach) => 5000 + 4 * milliseconds

/** Tries mutants room by room, one process at a time. @returns the exit code */
export async function main (args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options })
  if (values.help) return print(HELP, 0)
  const rooms = values.room.split(',')
  const unknown = rooms.find((room) => ROOMS[room] === undefined)
  if (unknown !== undefined) return print(`--room has ${unknown}\n${HELP}`, 1)
  setPriority(19) // it runs long, and never while somebody waits for it

  const copy = createCopy()
  const sources = new Map(rooms.flatMap(filesOf).map((file) => [file, readFileSync(file, 'utf8')]))
  const table: string[] = []
  for (const room of rooms) {
    const all = [...sources].filter(([file]) => file.startsWith(`lib/${room}/`)).flatMap(([file, text]) => mutantsOf(file, text))
    const drawn = sample(all, Number(values.sample), Number(values.seed))
    const mutants = drawn.filter(({ file, line }) => values.at.split(',').some((text) => `${file}:${line}.`.includes(text)))
    const reach = await reachOf(testsOf(room), copy)
    const survivors = await tryAll(mutants, sources, reach, copy, Number(values.budget))
    const killed = mutants.length - survivors.length
    table.push(`${room}: ${killed} of ${mutants.length} mutants killed (${Math.floor(100 * killed / mutants.length)} %)`, ...survivors)
  }
  return print(['', ...table].join('\n'), 0)
}

function print (text: string, status: number): number {
  console.log(text)
  return status
}

function filesOf (room: string): string[] {
  const names = readdirSync(`lib/${room}`, { recursive: true, encoding: 'utf8' }).filter((name) => /(?<!\.d)\.ts$/.test(name))
  return names.sort().map((name) => `lib/${room}/${name}`)
}

function testsOf (room: string): string[] {
  const tests = readdirSync('.build/test', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.js'))
  return tests.filter((name) => ROOMS[room]?.some((start) => name.startsWith(start))).sort().map((name) => `.build/test/${name}`)
}

/** The same mutants for the same seed (mulberry32, and the shuffle of Fisher and Yates). */
function sample<T> (all: readonly T[], size: number, seed: number): T[] {
  let state = seed
  function random (): number {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const left = [...all]
  const drawn: T[] = []
  while (left.length > 0 && drawn.length < size) drawn.push(...left.splice(Math.floor(random() * left.length), 1))
  return drawn
}

/** @returns the survivors, described */
async function tryAll (
  mutants: readonly Mutant[], sources: ReadonlyMap<string, string>, reach: ReadonlyMap<string, Reach>, copy: Copy, budget: number
): Promise<string[]> {
  const survivors: string[] = []
  const kills = new Map<string, number>()
  for (const [i, mutant] of mutants.entries()) {
    const { file, line, start, end, replacement } = mutant
    const text = sources.get(file) ?? ''
    const killsIn = (test: string) => kills.get(`${file} ${test}`) ?? 0
    const isNamesake = (test: string) => Number(basename(test, '.test.js').startsWith(basename(file, '.ts')))
    const most = Math.max(...[...reach.values()].map(({ lines }) => lines[file]?.length ?? 0))
    const shareOf = ({ lines }: Reach) => Math.round(5 * (lines[file]?.length ?? 0) / most)
    // What killed another mutant of the file comes first, what is named like the file, what runs most of it, what is quick.
    const all = [...reach].filter(([, { lines }]) => lines[file]?.includes(line)).sort(([a, one], [b, other]) => killsIn(b) - killsIn(a) ||
      isNamesake(b) - isNamesake(a) || shareOf(other) - shareOf(one) || one.milliseconds - other.milliseconds)
    let seconds = 0
    const tests = all.filter(([, { milliseconds }], i) => (seconds += milliseconds / 1000) <= budget || i === 0)
    const changed = `${text.slice(0, start)}${replacement}${text.slice(end)}`
    const killer = await copy.with(file, changed, () => firstToFail(tests, copy))
    if (killer !== undefined) kills.set(`${file} ${killer}`, killsIn(killer) + 1)
    else survivors.push(`  ${describe(mutant, text)} (${tests.length} of ${all.length} tests that reach it were run)`)
    console.log(`${i + 1}/${mutants.length} ${killer === undefined ? 'SURVIVED' : 'killed'} ${describe(mutant, text)}${killer === undefined ? '' : ` by ${killer}`}`)
  }
  return survivors
}

/** A test that is late counts as failed, and says so: on a busy machine it may have been slow only. */
async function firstToFail (tests: ReadonlyArray<readonly [string, Reach]>, copy: Copy): Promise<string | undefined> {
  for (const [test, reach] of tests) {
    const result = await copy.run(test, limitOf(reach))
    if (result !== 'passed') return result === 'late' ? `${test} (late)` : test
  }
  return undefined
}
