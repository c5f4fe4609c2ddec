import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { alreadyRun, clearCoverage, isCovered, keepCoverage, rawCoverage } from './coverage.js'
import { groupFiles } from './groups.js'
import { install } from './install.js'
import { describeLeft, planFiles, type Plan } from './plan.js'
import { runFiles, type RunOptions, type RunResult } from './run-files.js'
import { services } from './services.js'
import { toSourcePositions } from './source-positions.js'

const options = {
  /** All services must be there; what is missing is installed. */
  services: { type: 'boolean', default: false },
  /** Notes what of lib/ runs; with `services`, all of it must. */
  coverage: { type: 'boolean', default: false },
  /** Leaves out what an earlier run with `coverage` has run of this build. */
  rest: { type: 'boolean', default: false },
  /** Files must be named. */
  only: { type: 'boolean', default: false },
  /** Prints at the end what each file took, with all that it started. */
  times: { type: 'boolean', default: false }
} as const

/** @param build what tells this build of lib/, tests and examples from any other @returns the exit code */
export async function main (build: string, args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
  const named = positionals.map((file) => `.build/${file.replace(/\.ts$/, '.js')}`)
  if (values.only && named.length === 0) throw new Error('name a test file: npm run test:one -- test/keys/issue.test.ts')
  if (values.services && !install(services)) return 1

  const began = performance.now()
  const before = values.rest ? alreadyRun(build) : new Set<string>()
  const { files, left } = plan(named, values.services)
  const toRun = files.filter((file) => !before.has(file))
  if (values.coverage && before.size === 0) clearCoverage()
  const groups = values.only ? toRun.map((file) => [file]) : groupFiles(toRun)
  const results = await runAll(groups, values.only, { coverage: values.coverage ? rawCoverage : undefined, times: values.times })
  if (values.coverage) keepCoverage(build, [...before, ...toRun])

  const uncovered = values.coverage && values.services && !isCovered()
  const failed = sum(results.map((result) => result.failed)) + (uncovered ? 1 : 0)
  if (uncovered) console.log('FAILED: tests must reach all of lib/')
  for (const line of describeLeft(left)) console.log(line)
  if (values.times) for (const line of describeTimes(results)) console.log(line)
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(`${sum(results.map((result) => result.passed))} passed, ${failed} failed (${toRun.length} files, ${seconds} s)`)
  return failed > 0 ? 1 : 0
}

function plan (named: readonly string[], all: boolean): Plan {
  if (named.length > 0) return { files: named, left: [] }
  const files = readdirSync('.build/test', { recursive: true, encoding: 'utf8' })
  const tests = files.filter((file) => file.endsWith('.test.js')).sort().map((file) => `.build/test/${file}`)
  return all ? { files: tests, left: [] } : planFiles(tests, services)
}

/** One more at a time than there are processors, since many wait for a server or for time to pass. */
async function runAll (groups: readonly string[][], verbose: boolean, options: RunOptions): Promise<RunResult[]> {
  const results: RunResult[] = []
  const next = groups.values()
  const work = async (): Promise<void> => {
    for (const files of next) {
      const result = await runFiles(files, options)
      results.push(result)
      report(result, verbose)
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) + 1 }, work))
  return results
}

/** Of a process that failed, all that tap printed but the assertions that passed. */
function report (result: RunResult, verbose: boolean): void {
  const { passed, failed, seconds, output } = result
  if (failed > 0) console.log(toSourcePositions(output.replace(/^ *ok \d.*\n/gm, '')))
  if (failed > 0) console.log(`FAILED ${nameOf(result)}: ${passed} passed, ${failed} failed (${seconds.toFixed(1)} s)`)
  else if (verbose) console.log(`ok ${nameOf(result)}: ${passed} passed (${seconds.toFixed(1)} s)`)
}

/** The slowest last, where people look. */
function describeTimes (results: readonly RunResult[]): string[] {
  const total = sum(results.map((result) => result.cpu))
  const lines = [...results].sort((a, b) => a.cpu - b.cpu)
    .map((result) => `${result.cpu.toFixed(1).padStart(7)} ${result.seconds.toFixed(1).padStart(7)}  ${nameOf(result)}`)
  return ['', '    cpu    wall  (seconds)', ...lines, `${total.toFixed(1).padStart(7)}          all`, '']
}

/** The file, or the files of one folder that shared a process. */
function nameOf ({ files: [first = '', ...others] }: RunResult): string {
  const source = first.replace(/^\.build\//, '').replace(/\.js$/, '.ts')
  return others.length === 0 ? source : `${source} and ${others.length} others of its folder`
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
