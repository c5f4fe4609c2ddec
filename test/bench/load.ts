import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Workload } from './plan.js'
import type { Server } from './server-process.js'

export interface Load {
  readonly requests: number
  readonly rps: number
  /** Response times in microseconds. */
  readonly p50: number
  readonly p99: number
}

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url))

/** Sends requests by wrk, one at a time on each connection. @throws AssertionError when one of them is refused */
export async function load (
  { port, keysFile }: Server, { path, connections }: Omit<Workload, 'name'>, seconds: number
): Promise<Load> {
  const { stdout } = await promisify(execFile)('wrk', [
    '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--timeout', '30s',
    '--script', SCRIPT, `http://127.0.0.1:${port}${path}`, '--', keysFile
  ])
  const { refused, failed, ...done } = JSON.parse(stdout.slice(stdout.lastIndexOf('{')))
  assert.deepEqual({ refused, failed }, { refused: 0, failed: 0 })
  return done
}
