import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createPgliteKeyStore, FolderInUseError } from 'fastify-latchkey/keys/postgres'
import { lockFolder } from '../../lib/postgres/folder-lock.js'
import { inserted } from '../../lib/testing/key-store-drafts.js'
import { root, start } from '../helpers/child.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { databaseFolder, newFolder } from '../helpers/pglite.js'

const file = fileURLToPath(new URL('../helpers/lock-folder.js', import.meta.url))

/** Another process that locks a folder, if it can, for as long as it lives. */
async function lockElsewhere (t: Test, folder: string) {
  const child = start([process.execPath, file], undefined, { FOLDER: folder })
  child.stderr.pipe(process.stderr)
  const ended = once(child, 'exit')
  async function kill (): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  const [result]: unknown[] = await once(createInterface({ input: child.stdout }), 'line')
  return { result, kill, freeze: () => child.kill('SIGSTOP') }
}

const refusal = (folder: string) => ({ name: 'FolderInUseError', message: `the embedded Postgres in ${folder} is open in another process, or in another store of this one, and two would corrupt it: close that one, or give dataDir another folder; processes that share keys need a Postgres server (createPostgresKeyStore)` })

t.test('a folder belongs to one store at a time, and the next one finds the keys', async (t) => {
  const folder = await databaseFolder(t)
  const first = createPgliteKeyStore({ dataDir: folder })
  const { key, hash } = await inserted(first, 'w1')
  const alias = `${folder}-alias`
  await symlink(folder, alias)
  const patterns = collectRounds()
  for (const dataDir of [folder, alias]) {
    const second = createPgliteKeyStore({ dataDir })
    patterns.add(await rejection(second.migrate()), refusal(dataDir))
    patterns.add(await rejection(async () => await second.findByHash(hash)), FolderInUseError)
    await second.close()
  }
  t.match(patterns.seen, patterns.expected)
  t.equal((await first.findByHash(hash))?.principal.id, key.id, 'the first one works on')
  await first.close()
  const third = createPgliteKeyStore({ dataDir: `file://${folder}` })
  t.equal((await third.findByHash(hash))?.principal.id, key.id)
  await third.close()
})

t.test('a database that cannot be opened leaves its folder unlocked', async (t) => {
  const folder = await newFolder(t)
  await mkdir(folder)
  await writeFile(join(folder, 'PG_VERSION'), 'no version')
  const patterns = collectRounds()
  for (let i = 0; i < 2; i++) {
    const broken = createPgliteKeyStore({ dataDir: folder })
    patterns.add(await rejection(broken.migrate()), { name: 'StoreError' })
    await broken.close()
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a database in memory has no folder, and nothing is locked', async (t) => {
  const store = createPgliteKeyStore({ dataDir: 'memory://' })
  await t.resolves(inserted(store, 'w1'))
  await store.close()
  t.same(['memory:', 'memory:.lock'].filter((name) => existsSync(join(root, name))), [])
})

t.test('a folder stays locked while its process lives, also frozen, and is free however that ends', async (t) => {
  const folder = await newFolder(t)
  const first = await lockElsewhere(t, folder)
  t.equal(first.result, 'locked')
  first.freeze()
  t.equal((await lockElsewhere(t, folder)).result, 'FolderInUseError')
  await t.rejects(lockFolder(folder), FolderInUseError)
  await first.kill()
  const unlock = await lockFolder(folder)
  t.equal((await lockElsewhere(t, folder)).result, 'FolderInUseError')
  unlock()
  t.equal((await lockElsewhere(t, folder)).result, 'locked')
})

t.test('of processes that want the folder of a dead one at once, exactly one gets it', async (t) => {
  const folder = await newFolder(t)
  await (await lockElsewhere(t, folder)).kill()
  const all = await Promise.all([1, 2, 3, 4].map(() => lockElsewhere(t, folder)))
  t.same(all.map(({ result }) => result).sort(), ['FolderInUseError', 'FolderInUseError', 'FolderInUseError', 'locked'])
})

t.test('of stores of one process that open a folder at once, exactly one does', async (t) => {
  const folder = await databaseFolder(t)
  const stores = [1, 2, 3, 4, 5].map(() => createPgliteKeyStore({ dataDir: folder }))
  const results = await Promise.allSettled(stores.map((store) => store.migrate()))
  t.same(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected'])
  for (const store of stores) await store.close()
})
