import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What all servers on one version of Node.js have in common. */
export interface Site {
  /** Path of the node program. */
  readonly node: string
  /** Of the compiled files. */
  readonly folder: string
  readonly redisPort: number
  /** Microseconds of CPU that Redis has used. */
  redisCpu (): Promise<number>
}

/** A process that serves one row. */
export interface Server {
  readonly row: string
  readonly port: number
  /** File with the API keys that the load sends, one on each line. */
  readonly keysFile: string
  /** @param command one of those in servers/serve.ts */
  ask<T> (command: string): Promise<T>
  stop (): Promise<void>
}

const { NODE_OPTIONS: _, ...inherited } = process.env
const env = { ...inherited, NODE_ENV: 'production' }

/** Starts a server with Node's default flags, as in production. */
export async function startServer ({ node, folder, redisPort }: Site, row: string): Promise<Server> {
  const script = join(folder, 'test/bench/servers/serve.js')
  const child = fork(script, [row, String(redisPort)], { execPath: node, execArgv: [], env })
  const ended = once(child, 'exit').then(() => [])
  async function answer<T> (): Promise<T> {
    const [message] = await Promise.race([once(child, 'message'), ended])
    if (message === undefined) throw new Error(`the server of ${row} has ended`)
    return message
  }
  const { port, keys } = await answer<{ port: number, keys: string[] }>()
  const keysFile = join(folder, `${port}.keys`)
  await writeFile(keysFile, keys.join('\n'))
  return {
    row,
    port,
    keysFile,
    ask (command) {
      child.send(command)
      return answer()
    },
    async stop () {
      if (child.connected) child.disconnect()
      await ended
    }
  }
}

/** @throws Error when a row admits a request that it must refuse, or refuses one that it must admit */
export async function checkServer ({ node, folder, redisPort }: Site, row: string): Promise<void> {
  const script = join(folder, 'test/bench/servers/check.js')
  await promisify(execFile)(node, [script, row, String(redisPort)], { env })
}
