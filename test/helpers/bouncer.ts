import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ending } from './ending.js'
import { onFreePort } from './ports.js'
import { owner, ownerIds } from './postgres.js'
import { startProgram, type Program } from './programs.js'

/**
 * PgBouncer with its defaults: it refuses startup parameters that it does not know.
 * @param url by a socket in a folder @param mode when a client gives its server connection back
 * @returns the URL of the same database through it
 */
export async function startBouncer (t: Ending, url: string, mode: 'session' | 'transaction'): Promise<string> {
  const { searchParams, pathname, username } = new URL(url.replace('@/', '@localhost/'))
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bouncer-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const users = join(folder, 'users.txt')
  const config = join(folder, 'pgbouncer.ini')
  await writeFile(users, `"${username}" ""\n`)

  let program: Program | undefined
  t.teardown(async () => {
    program?.signal('SIGKILL')
    await program?.gone
  })
  const port = await onFreePort(async (port) => {
    await writeFile(config, ['[databases]', `* = host=${searchParams.get('host')} port=5432`, '[pgbouncer]',
      'listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir =', `pool_mode = ${mode}`,
      'auth_type = trust', `auth_file = ${users}`, ''].join('\n'))
    const [uid, gid] = await ownerIds()
    for (const path of [folder, users, config]) await chown(path, uid, gid)
    program = await startProgram(['pgbouncer', config], folder, /process up/, owner)
    return port
  })
  return `postgres://${username}@127.0.0.1:${port}${pathname}`
}
