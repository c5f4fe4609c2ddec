import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Listening } from './messages.js'

/** A load that went on for a while. */
export interface Load {
  /** Answered, none of them by a refusal. */
  readonly requests: number
  readonly seconds: number
  /** Quantiles of the time from sending a request to its whole answer, in µs. */
  readonly p50: number
  readonly p99: number
}

export interface LoadParts {
  /** Where the server listens, and a folder for what it is asked. */
  readonly listening: Listening
  readonly folder: string
  readonly connections: number
  readonly seconds: number
}

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url))
const Told = Type.Object({ requests: Type.Integer({ minimum: 1 }), seconds: Type.Number(), p50: Type.Number(), p99: Type.Number(), refused: Type.Integer(), failed: Type.Integer() })

/**
 * Asks a server for as long as is said over connections with one request on its way each: every credential in turn, and every
 * path. By wrk, since a client in Node asks in bursts, one for each turn of its loop, and on a few cores takes so much of them
 * from the server and Redis that it is what is measured.
 */
export async function load ({ listening: { port, paths, keys }, folder, connections, seconds }: LoadParts): Promise<Load> {
  const file = join(folder, `${port}.requests`)
  const lines = Array.from({ length: Math.max(paths.length, keys.length) }, (_, n) => `${paths[n % paths.length]} ${keys[n % keys.length]}\n`)
  await writeFile(file, lines.join(''))
  const said = await wrk(['--threads', '1', '--connections', String(connections), '--duration', '600s', '--timeout', '30s', '--script', SCRIPT, `http://127.0.0.1:${port}`, '--', file], seconds)
  const { refused, failed, ...done } = Value.Decode(Told, JSON.parse(said.slice(said.lastIndexOf('{'))))
  assert.equal(refused, 0, `${refused} of ${done.requests} requests were refused`)
  assert.equal(failed, 0, `${failed} connections failed`)
  return done
}

/** Its standard output; it tells what it has seen when it is interrupted. */
function wrk (args: readonly string[], seconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('wrk', args, (error, stdout) => {
      clearTimeout(end)
      if (error === null) resolve(stdout)
      else reject('code' in error && error.code === 'ENOENT' ? new Error('the load comes from wrk, which is not there: apt-get install wrk', { cause: error }) : error)
    })
    const end = setTimeout(() => child.kill('SIGINT'), seconds * 1000)
  })
}
