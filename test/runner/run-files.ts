import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { countTests } from './count-tests.js'

export interface RunResult {
  readonly files: readonly string[]
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** Seconds of processor time that the process and its children took, where that was asked for. */
  readonly cpu: number
  /** What tap printed. */
  readonly output: string
}

/** Seconds that a process may take, unless a file sets another time-out. */
const TIMEOUT = 300

const together = '.build/test/runner/together.js'

/** Node says nothing of the processor time of a child and of its children: a shell does, in its last two lines. */
const TIMED = ['sh', '-c', '"$@"; status=$?; times >&2; exit $status', 'sh']

export interface RunOptions {
  /** Folder for what V8 saw, if that is wanted. */
  readonly coverage: string | undefined
  /** Whether processor time is measured. */
  readonly times: boolean
}

/** Runs compiled test files in one process. */
export async function runFiles (files: readonly string[], { coverage, times }: RunOptions): Promise<RunResult> {
  const began = performance.now()
  const [file = together] = files.length === 1 ? files : []
  const [program = '', ...args] = [...times ? TIMED : [], process.execPath, file]
  const child = spawn(program, args, {
    env: { ...process.env, TEST_FILES: files.join(' '), TAP_TIMEOUT: String(TIMEOUT), ...coverage !== undefined && { NODE_V8_COVERAGE: coverage } },
    stdio: ['ignore', 'pipe', 'pipe'],
    // tap ends its tests at their time-out by itself; this is for a process that is stuck.
    timeout: 3 * TIMEOUT * 1000,
    killSignal: 'SIGKILL'
  })
  const closed = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  const { passed, failed } = countTests(output)
  // A process that fails without a failed test, by a crash or by a test that never ended, has failed once. So has one whose
  // tests tap no longer took: it says so and exits with 0.
  const crashed = failed === 0 && (status !== 0 || errors.includes('after parent')) ? 1 : 0
  const seconds = (performance.now() - began) / 1000
  return { files, passed, failed: failed + crashed, seconds, cpu: times ? cpuOf(errors) : 0, output: `${output}${errors}` }
}

/** @param errors that end with what `times` prints: user and system time of the shell, then of its children */
export function cpuOf (errors: string): number {
  const times = [...errors.matchAll(/(\d+)m([\d.]+)s/g)].slice(-4)
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}
