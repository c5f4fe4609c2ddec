import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { codeOf } from '../core/store-error.js'

/** An embedded database belongs to one store of one process: a second one would corrupt it. */
export class FolderInUse extends Error {
  constructor (folder: string) {
    super(`the embedded Postgres in ${folder} is open in another process, or in another store of this one, and two would corrupt it: close that one, or give dataDir another folder; processes that share keys need a Postgres server (createPostgresKeyStore)`)
    this.name = 'FolderInUse'
  }
}

/** Of those who come at once each may see another and step back; who stays has the folder. */
const ATTEMPTS = 6
/** Milliseconds. */
const LONGEST_PAUSE = 50
/** Bytes of the path of a socket that every system takes. */
const MAX_PATH = 103

/**
 * Takes a folder for its caller alone. Everybody who wants it listens on a socket of a name of its own beside it, and has
 * it where nobody else listens: of two, whoever looks later sees the other. A socket dies with its process, however that
 * ends, so what a dead one has left is told apart and removed; nobody ever takes a name over. Holds between all processes
 * of one machine, also in containers that share the folder; not between machines.
 * @returns what gives it back
 * @throws FolderInUse
 */
export async function takeFolder (folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { hall, leave } = await enter(`${await realpath(folder)}.lock`)
  try {
    for (let tried = 1; ; tried++) {
      const name = randomBytes(8).toString('hex')
      const server = await listen(join(hall, name))
      if (await isAlone(hall, name)) {
        return async () => {
          await shut(server)
          await leave()
        }
      }
      await shut(server)
      if (tried === ATTEMPTS) throw new FolderInUse(folder)
      await pause(Math.random() * LONGEST_PAUSE)
    }
  } catch (fault) {
    await leave()
    throw fault
  }
}

/** Where the sockets are; by a shorter way where their paths would be too long. */
async function enter (hall: string): Promise<{ hall: string, leave (): Promise<void> }> {
  await mkdir(hall, { recursive: true, mode: 0o700 })
  if (Buffer.byteLength(join(hall, '0123456789abcdef')) <= MAX_PATH) return { hall, leave: async () => {} }
  const passage = await mkdtemp(join(tmpdir(), 'lk-'))
  await symlink(hall, join(passage, 'd'))
  return { hall: join(passage, 'd'), leave: () => rm(passage, { recursive: true, force: true }) }
}

async function isAlone (hall: string, own: string): Promise<boolean> {
  const others = (await readdir(hall)).filter((name) => name !== own)
  const held = await Promise.all(others.map((name) => isHeld(join(hall, name))))
  // Last: somebody may have taken this one for dead, before it listened.
  return !held.includes(true) && (await readdir(hall)).includes(own)
}

/** Anything else, such as a socket that may not be spoken to, counts as held. */
const GONE: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT'])

/** Whether a process listens there; what a dead one has left is removed. */
async function isHeld (path: string): Promise<boolean> {
  const socket = connect(path)
  const fault: unknown = await once(socket, 'connect').then(() => undefined, (fault: unknown) => fault)
  socket.destroy()
  if (!GONE.has(codeOf(fault))) return true
  await rm(path, { force: true })
  return false
}

async function listen (path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).unref()
  await once(server.listen({ path, exclusive: true }), 'listening')
  return server
}

async function shut (server: Server): Promise<void> {
  await once(server.close(), 'close')
}
