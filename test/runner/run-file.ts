import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { countTests } from './count-tests.js'

export interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** What tap printed. */
  readonly output: string
}

/** Seconds that a test file may take, unless it sets another time-out. */
const TIMEOUT = 300

/** Runs one compiled test file in a process of its own. @param coverage folder for what V8 saw, if that is wanted */
export async function runFile (file: string, coverage?: string): Promise<FileResult> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT), ...coverage !== undefined && { NODE_V8_COVERAGE: coverage } },
    stdio: ['ignore', 'pipe', 'pipe'],
    // tap ends its tests at their time-out by itself; this is for a process that is stuck.
    timeout: 3 * TIMEOUT * 1000,
    killSignal: 'SIGKILL'
  })
  const closed = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  const { passed, failed } = countTests(output)
  // A process that fails without a failed test, by a crash or by a test that never ended, has failed once.
  const crashed = status !== 0 && failed === 0 ? 1 : 0
  const seconds = (performance.now() - began) / 1000
  return { file, passed, failed: failed + crashed, seconds, output: `${output}${errors}` }
}
