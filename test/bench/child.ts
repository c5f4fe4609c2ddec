import { fork } from 'node:child_process'
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

export interface Child {
  /** Has the child do something and waits for what comes of it. */
  ask<T extends TSchema> (command: string, value: unknown, answer: T): Promise<Static<T>>
  stop (): Promise<void>
}

interface Reply {
  readonly result?: unknown
  readonly error?: string
}

/** Starts a compiled file as a process of its own, without the loader and conditions of this one. */
export function startChild (file: string, args: readonly string[] = [], execArgv: readonly string[] = []): Child {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = fork(file, args, { execArgv: [...execArgv], env: { ...env, NODE_ENV: 'production' }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let settle: ((reply: Reply) => void) | undefined
  child.on('message', (reply) => settle?.(isReply(reply) ? reply : { error: 'an unreadable reply' }))
  child.on('exit', (code, signal) => settle?.({ error: `the process ended (${signal ?? code})` }))

  return {
    async ask (command, value, answer) {
      if (!child.connected) throw new Error(`${file} ${command}: the process has ended`)
      const reply = await new Promise<Reply>((resolve) => {
        settle = resolve
        child.send({ command, value })
      })
      if (reply.error !== undefined) throw new Error(`${file} ${command}: ${reply.error}`)
      if (!Value.Check(answer, reply.result)) throw new Error(`${file} ${command}: an unexpected answer`)
      return reply.result
    },
    async stop () {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await ended
    }
  }
}

type Command = (value: unknown) => unknown

/** The child's side: answers one command at a time and ends when its parent lets go. */
export function obey (commands: Readonly<Record<string, Command>>): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (message) => {
    answer(commands, message).then((reply) => process.send?.(reply))
  })
}

async function answer (commands: Readonly<Record<string, Command>>, message: unknown): Promise<Reply> {
  try {
    if (!isCommand(message)) throw new Error('an unreadable command')
    const command = commands[message.command]
    if (command === undefined) throw new Error('an unknown command')
    return { result: await command(message.value) ?? null }
  } catch (error) {
    return { error: error instanceof Error ? error.stack ?? error.message : String(error) }
  }
}

function isCommand (message: unknown): message is { command: string, value?: unknown } {
  return typeof message === 'object' && message !== null && 'command' in message && typeof message.command === 'string'
}

function isReply (message: unknown): message is Reply {
  return typeof message === 'object' && message !== null && ('result' in message || 'error' in message)
}
