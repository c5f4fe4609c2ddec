import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** The repository, where npm and tap run everything: the compiled tests are in `.build/`, below it. */
export const root = process.cwd()

export type Child = ChildProcessByStdio<null, Readable, Readable>

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Starts a program as a user would: nothing of npm's or tap's environment reaches it. tap adds its own loader to every
 * Node child by NODE_OPTIONS, which would count what the child runs as coverage; `env -u` is what it doesn't see through.
 */
export function start (command: readonly string[], cwd: string = root, extra: NodeJS.ProcessEnv = {}): Child {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle|command|config_local)|tap|_tapjs)/i.test(name))
  return spawn('env', ['-u', 'NODE_OPTIONS', ...command], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a program to its end. A program that fails is a result, not an error. */
export async function run (command: readonly string[], cwd?: string, extra?: NodeJS.ProcessEnv): Promise<Finished> {
  const child = start(command, cwd, extra)
  const exit = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}
