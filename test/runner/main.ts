import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { alreadyRun, clearCoverage, isCovered, keepCoverage, rawCoverage } from './coverage.js'
import { install } from './install.js'
import { describeLeft, planFiles, type Plan } from './plan.js'
import { runFile, type FileResult, type RunOptions } from './run-file.js'
import { services } from './services.js'

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
  const results = await runAll(toRun, named.length > 0, { coverage: values.coverage ? rawCoverage : undefined, times: values.times })
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
  // From the end of the alphabet, where the slow ones are (types, stores, properties): the quick ones fill the last seconds.
  const tests = files.filter((file) => file.endsWith('.test.js')).sort().reverse().map((file) => `.build/test/${file}`)
  return all ? { files: tests, left: [] } : planFiles(tests, services)
}

/** Runs as many at a time as there are processors, at most four. */
async function runAll (files: readonly string[], verbose: boolean, options: RunOptions): Promise<FileResult[]> {
  const results: FileResult[] = []
  const next = files.values()
  const work = async (): Promise<void> => {
    for (const file of next) {
      const result = await runFile(file, options)
      results.push(result)
      report(result, verbose)
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work))
  return results
}

/** Of a file that failed, all that tap printed but the assertions that passed. */
function report ({ file, passed, failed, seconds, output }: FileResult, verbose: boolean): void {
  const source = sourceOf(file)
  if (failed > 0) console.log(output.replace(/^ *ok \d.*\n/gm, ''))
  if (failed > 0) console.log(`FAILED ${source}: ${passed} passed, ${failed} failed (${seconds.toFixed(1)} s)`)
  else if (verbose) console.log(`ok ${source}: ${passed} passed (${seconds.toFixed(1)} s)`)
}

/** The slowest last, where people look. */
function describeTimes (results: readonly FileResult[]): string[] {
  const total = sum(results.map((result) => result.cpu))
  const lines = [...results].sort((a, b) => a.cpu - b.cpu)
    .map(({ file, cpu, seconds }) => `${cpu.toFixed(1).padStart(7)} ${seconds.toFixed(1).padStart(7)}  ${sourceOf(file)}`)
  return ['', '    cpu    wall  (seconds)', ...lines, `${total.toFixed(1).padStart(7)}          all`, '']
}

function sourceOf (file: string): string {
  return file.replace(/^\.build\//, '').replace(/\.js$/, '.ts')
}

function sum (numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
