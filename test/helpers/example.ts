import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run, start, type Child, type Finished } from './child.js'
import { copyDatabase } from './pglite.js'

/** What `npm start` runs, without npm around it, so that signals reach the server. */
export async function npmStart (): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const [, ...words] = String(scripts.start).split(' ')
  return [process.execPath, ...words]
}

/** The same server, compiled before the tests: it starts in a tenth of the time. */
const compiled = [process.execPath, '--liftoff-only', join(root, '.build/examples/server.js')]

export interface RunningExample {
  readonly url: string
  readonly keys: Readonly<Record<string, string>>
  readonly oauth: Readonly<Record<string, string>>
  /** All of stdout up to the line of JSON. */
  readonly shown: string
  /** All of stderr up to now. */
  errors (): string
  /** Sends SIGTERM, or another signal. @returns the exit code, or the signal that it died of */
  stop (signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

/** Starts an example on a port of its own and waits for its last line of start-up. */
export async function startExample (name?: string, environment: NodeJS.ProcessEnv = {}, command: readonly string[] = compiled): Promise<RunningExample> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-example-'))
  const { LATCHKEY_DATA = folder } = environment
  // `npm start` makes a database of its own, as a user's does; the others get a copy of an empty one.
  if (command === compiled && name === undefined && !existsSync(join(LATCHKEY_DATA, 'keys'))) await copyDatabase(join(LATCHKEY_DATA, 'keys'))
  const child = start([...command, ...name === undefined ? [] : [name]], root, { PORT: '0', LOG_LEVEL: 'silent', LATCHKEY_DATA, ...environment })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve(code ?? signal))
  }).finally(() => rm(folder, { recursive: true, force: true }))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const { shown, last } = await startUp(child, () => errors)
  const { listening, keys, oauth = {} } = JSON.parse(last)
  return {
    url: listening,
    keys,
    oauth,
    shown,
    errors: () => errors,
    stop (signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    }
  }
}

/** Runs an example that is meant to fail at start-up. */
export async function runExample (name?: string, environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-example-'))
  return run([...compiled, ...name === undefined ? [] : [name]], root, { PORT: '0', LATCHKEY_DATA: folder, ...environment }).finally(() => rm(folder, { recursive: true, force: true }))
}

async function startUp (child: Child, errors: () => string): Promise<{ shown: string, last: string }> {
  let shown = ''
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    shown += text
    const last = /^\{"listening":.*\}\n/m.exec(shown)
    if (last !== null) return { shown, last: last[0] }
  }
  throw new Error(`the example ended before it listened: ${errors()}`)
}
