import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { run } from './child.js'
import type { Ending } from './ending.js'
import { findPostgres } from '../runner/find-program.js'
import { startProgram, type Program } from './programs.js'

/** A Postgres of its own in a temporary folder, spoken to by a socket there. */
export interface Postgres {
  /** Of a new, empty database. */
  createDatabase (): Promise<string>
  /** Of a database as its superuser; `postgres` by default. */
  url (database?: string): string
  start (...args: readonly string[]): Promise<void>
  stop (): Promise<void>
  /** As a crash would: nothing is said to clients. */
  kill (): Promise<void>
  freeze (): void
  thaw (): void
  /** Starts a replica of it, which streams from it. */
  replicate (): Promise<Postgres>
  /** Folder of its socket, which a client takes for a host. */
  readonly folder: string
  /** Makes it a replica at its next start. */
  demote (): Promise<void>
  /** Makes a replica the primary. */
  promote (): Promise<void>
}

/** What must not be seen in any log or body. */
export const PASSWORD = 'pa55word-of-postgres'

/** Postgres and PgBouncer refuse to run as root. */
export const owner = process.getuid?.() === 0 ? 'postgres' : undefined

/** Ids of the user and the group that own what those read and write. */
export async function ownerIds (): Promise<[uid: number, gid: number]> {
  const id = async (flag: string) => Number((await run(['id', flag, ...owner === undefined ? [] : [owner]])).stdout)
  return [await id('-u'), await id('-g')]
}

export async function startPostgres (t: Ending, ...args: readonly string[]): Promise<Postgres> {
  const initdb = [join(binaries(), 'initdb'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  return await startFrom(t, initdb, args)
}

/** @param make the command that fills the folder of a server, which `-D` names */
async function startFrom (t: Ending, make: readonly string[], args: readonly string[]): Promise<Postgres> {
  const bin = binaries()
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pg-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  const as = owner === undefined ? [] : ['runuser', '-u', owner, '--']
  const [uid, gid] = await ownerIds()
  for (const one of [folder, data]) await chown(one, uid, gid)
  const made = await run([...as, ...make, '-D', data], '/')
  if (made.code !== 0) throw new Error(made.stderr)

  let program: Program | undefined
  const url = (database = 'postgres') => `postgres://postgres:${PASSWORD}@/${database}?host=${encodeURIComponent(folder)}`
  async function end (signal: NodeJS.Signals): Promise<void> {
    const ending = program
    program = undefined
    ending?.thaw()
    ending?.signal(signal)
    await ending?.gone
  }
  async function start (...more: readonly string[]): Promise<void> {
    const settings = ['fsync=off', 'full_page_writes=off', 'listen_addresses=', `unix_socket_directories=${folder}`, 'shared_buffers=16MB', 'log_min_messages=log', 'lc_messages=C', ...args, ...more]
    program = await startProgram([join(bin, 'postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])], folder, /ready to accept/, owner)
  }

  t.teardown(() => end('SIGQUIT'))
  await start()
  return {
    url,
    folder,
    replicate: () => startFrom(t, [join(bin, 'pg_basebackup'), '-h', folder, '-U', 'postgres', '--write-recovery-conf', '--checkpoint=fast', '--no-sync'], args),
    async createDatabase () {
      const name = `d${randomBytes(6).toString('hex')}`
      const client = new pg.Client(url())
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      return url(name)
    },
    start,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
    freeze: () => program?.freeze(),
    thaw: () => program?.thaw(),
    demote: () => writeFile(join(data, 'standby.signal'), ''),
    async promote () {
      const client = new pg.Client(url())
      await client.connect()
      await client.query('SELECT pg_promote()')
      await client.end()
    }
  }
}

function binaries (): string {
  const folder = findPostgres()
  if (folder === undefined) throw new Error('this test needs Postgres: npm run test:services')
  return folder
}
