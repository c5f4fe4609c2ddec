import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { transform } from 'esbuild'

/** A copy of the build, outside of the repository: what is changed here is changed nowhere else. */
export interface Copy {
  readonly folder: string
  /** Compiles another text of a file of lib/ into the copy for as long as `work` takes. */
  with<T> (file: string, text: string, work: () => Promise<T>): Promise<T>
  /** Runs a compiled test file, and ends it when it is not ready in time. */
  run (test: string, milliseconds: number, env?: NodeJS.ProcessEnv): Promise<'passed' | 'failed' | 'late'>
}

const compiled = (file: string) => join('.build', file.replace(/\.ts$/, '.js'))

export function createCopy (): Copy {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-mutate-')))
  for (const name of readdirSync('.')) if (name !== '.git' && name !== '.build') symlinkSync(resolve(name), join(folder, name))
  cpSync('.build', join(folder, '.build'), { recursive: true })
  let running: ChildProcess | undefined

  process.once('exit', () => {
    if (running !== undefined) end(running)
    rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1)) // npm sends it too

  return {
    folder,
    async with (file, text, work) {
      const path = join(folder, compiled(file))
      const built = readFileSync(path)
      const { code } = await transform(text, {
        loader: 'ts', format: 'esm', platform: 'node', target: 'node20', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } }
      })
      writeFileSync(path, code)
      const result = await work()
      writeFileSync(path, built)
      return result
    },
    async run (test, milliseconds, env = {}) {
      const child = spawn(process.execPath, [test], { cwd: folder, env: { ...process.env, TAP_BAIL: '1', ...env }, stdio: 'ignore', detached: true })
      running = child
      let late = false
      const timer = setTimeout(() => {
        late = true
        end(child)
      }, milliseconds)
      const [status] = await once(child, 'close')
      clearTimeout(timer)
      end(child)
      running = undefined
      if (late) return 'late'
      return status === 0 ? 'passed' : 'failed'
    }
  }
}

/** Ends a test with the servers that it started, which are of its group. */
function end ({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // All of them have ended.
  }
}
