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
 * Starts a program as a user would: nothing of npm's or tap's environment reaches it. Node hands on where coverage is
 * written unless it is named here, and what a child runs does not count.
 */
export function start (command: readonly string[], cwd: string = root, extra: NodeJS.ProcessEnv = {}): Child {
  const [program = '', ...args] = command
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_(package|lifecycle|command|config_local)|tap)/i.test(name))
  return spawn(program, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), NODE_V8_COVERAGE: undefined, ...extra },
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
