import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createPgliteKeyStore, FolderInUse } from 'fastify-latchkey/keys/postgres'
import { takeFolder } from '../../lib/postgres/folder.js'
import { inserted } from '../../lib/testing/key-store-drafts.js'
import { start } from '../helpers/child.js'

async function newFolder (t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-folder-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'keys')
}

const file = fileURLToPath(new URL('../helpers/hold-folder.js', import.meta.url))

/** Another process that wants a folder, and keeps it where it gets it. */
async function rival (t: Test, folder: string) {
  const child = start([process.execPath, file], undefined, { FOLDER: folder })
  child.stderr.pipe(process.stderr)
  const ended = once(child, 'exit')
  async function kill (): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  const lines = createInterface({ input: child.stdout })
  const [said]: unknown[] = await once(lines, 'line')
  return { said, kill, freeze: () => child.kill('SIGSTOP') }
}

const refusal = (folder: string) => ({ name: 'FolderInUse', message: `the embedded Postgres in ${folder} is open in another process, or in another store of this one, and two would corrupt it: close that one, or give dataDir another folder; processes that share keys need a Postgres server (createPostgresKeyStore)` })

t.test('a folder is of one store at a time, and the next one finds the keys', async (t) => {
  const folder = await newFolder(t)
  const first = createPgliteKeyStore({ dataDir: folder })
  const { key, hash } = await inserted(first, 'w1')
  const alias = `${folder}-alias`
  await symlink(folder, alias)
  for (const dataDir of [folder, alias]) {
    const second = createPgliteKeyStore({ dataDir })
    await t.rejects(second.migrate(), refusal(dataDir))
    await t.rejects(async () => await second.findByHash(hash), FolderInUse)
    await second.close()
  }
  t.equal((await first.findByHash(hash))?.principal.id, key.id, 'nothing has happened to it')
  await first.close()
  const third = createPgliteKeyStore({ dataDir: `file://${folder}` })
  t.equal((await third.findByHash(hash))?.principal.id, key.id)
  await third.close()
  t.same(await readdir(`${folder}.lock`), [])
})

t.test('a database that can\'t be opened gives its folder back', async (t) => {
  const folder = await newFolder(t)
  await mkdir(folder)
  await writeFile(join(folder, 'PG_VERSION'), 'no version')
  const broken = createPgliteKeyStore({ dataDir: folder })
  await t.rejects(broken.migrate(), { name: 'KeyStoreFault' })
  await broken.close()
  await (await takeFolder(folder))()
  t.same(await readdir(`${folder}.lock`), [])
})

t.test('what is kept in memory has no folder', async () => {
  const [one, other] = [createPgliteKeyStore({ dataDir: 'memory://' }), createPgliteKeyStore({ dataDir: 'memory://' })]
  for (const store of [one, other]) await inserted(store, 'w1', { id: 'key_1' })
  for (const store of [one, other]) await store.close()
})

t.test('another process has it while it lives, also frozen, and leaves it free however it dies', async (t) => {
  const folder = await newFolder(t)
  const first = await rival(t, folder)
  t.equal(first.said, 'taken')
  t.equal((await rival(t, folder)).said, 'FolderInUse')
  first.freeze()
  await t.rejects(takeFolder(folder), FolderInUse)
  await first.kill()
  t.equal((await readdir(`${folder}.lock`)).length, 1, 'what it has left')
  const giveBack = await takeFolder(folder)
  t.equal((await readdir(`${folder}.lock`)).length, 1, 'is removed')
  t.equal((await rival(t, folder)).said, 'FolderInUse')
  await giveBack()
  t.equal((await rival(t, folder)).said, 'taken')
})

t.test('of processes that come at once over what a dead one has left, one has it at most', async (t) => {
  const folder = await newFolder(t)
  const first = await rival(t, folder)
  t.equal(first.said, 'taken')
  await first.kill()
  const all = await Promise.all([1, 2, 3, 4].map(() => rival(t, folder)))
  t.ok(all.filter(({ said }) => said === 'taken').length <= 1)
  t.same(new Set(all.map(({ said }) => said).filter((said) => said !== 'taken')), new Set(['FolderInUse']))
})

t.test('of many who come at once in one process, one has it at most, round after round', async (t) => {
  const folder = await newFolder(t)
  let taken = 0
  for (let round = 0; round < 10; round++) {
    const all = await Promise.allSettled([1, 2, 3, 4, 5].map(() => takeFolder(folder)))
    const held = all.flatMap((one) => one.status === 'fulfilled' ? [one.value] : [])
    t.ok(held.length <= 1)
    taken += held.length
    for (const giveBack of held) await giveBack()
  }
  t.ok(taken > 0, `${taken} times`)
  await (await takeFolder(folder))()
})

t.test('one whose socket was removed before it listened steps back and tries again', async (t) => {
  const folder = await newFolder(t)
  await mkdir(`${folder}.lock`, { recursive: true })
  const state = { removing: true }
  async function remove (): Promise<void> {
    while (state.removing) for (const name of await readdir(`${folder}.lock`)) await rm(join(`${folder}.lock`, name), { force: true })
  }
  const removed = remove()
  const outcome = await takeFolder(folder).then((giveBack) => giveBack(), (fault: unknown) => fault)
  state.removing = false
  await removed
  t.ok(outcome === undefined || outcome instanceof FolderInUse)
})

t.test('what can\'t be spoken to counts as held', async (t) => {
  const folder = await newFolder(t)
  await mkdir(`${folder}.lock`, { recursive: true })
  await symlink('circle', join(`${folder}.lock`, 'circle'))
  await t.rejects(takeFolder(folder), FolderInUse)
})

t.test('a folder may have a long name', async (t) => {
  const folder = join(await newFolder(t), 'long'.repeat(30))
  const giveBack = await takeFolder(folder)
  await t.rejects(takeFolder(folder), FolderInUse)
  await giveBack()
  await (await takeFolder(folder))()
  t.same(await readdir(`${folder}.lock`), [])
})
