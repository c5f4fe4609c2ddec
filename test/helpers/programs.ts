import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** A server of another program, which ends with the process that started it, however that ends. */
export interface Program {
  readonly pid: number
  /** Resolves when it is gone. */
  readonly gone: Promise<unknown>
  signal (name: NodeJS.Signals): void
  /** Stands still with its children, as on a machine that hangs. */
  freeze (): void
  thaw (): void
}

/**
 * Says its own id, then waits: for the program, or for the end of whoever holds the other end of its input. Of that end
 * the kernel tells a group with stopped processes by SIGHUP.
 */
const WATCH = `
trap '' HUP
folder=$1
shift
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
(cat <&3 >/dev/null; pkill -CONT -P $child; kill -CONT $child; kill -KILL $child; pkill -KILL -P $child; sleep 1; rm -rf $folder) 2>/dev/null &
watcher=$!
echo "pid $child"
exec 3<&-
wait $child
kill $watcher 2>/dev/null
`

/** @param folder removed when this process ends without having stopped it @param ready what its output says when it can be spoken to */
export async function startProgram (command: readonly string[], folder: string, ready: RegExp, user?: string): Promise<Program> {
  const as = user === undefined ? [] : ['runuser', '-u', user, '--']
  const [program = '', ...args] = [...as, 'sh', '-c', WATCH, 'sh', folder, ...command]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/' })
  const gone = once(child, 'close')
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer): void => {
      output += String(data)
      if (ready.test(output) && /^pid \d+$/m.test(output)) resolve()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    gone.then(() => reject(new Error(`${command.join(' ')} ended: ${output}`)), reject)
  })
  const pid = Number(/^pid (\d+)$/m.exec(output)?.[1])
  const all = (name: NodeJS.Signals): void => {
    for (const one of [pid, ...childrenOf(pid)]) send(one, name)
  }
  return {
    pid,
    gone,
    signal: (name) => send(pid, name),
    freeze: () => all('SIGSTOP'),
    thaw: () => all('SIGCONT')
  }
}

/** A child may have ended since it was listed. */
function send (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (fault) {
    if (!(fault instanceof Error && 'code' in fault && fault.code === 'ESRCH')) throw fault
  }
}

function childrenOf (parent: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => parentOf(pid) === parent)
}

function parentOf (pid: number): number | undefined {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}
