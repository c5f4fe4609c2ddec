import assert from 'node:assert/strict'
import type { ApiKey, DueKey, KeyNotices, KeyStore } from '../keys/index.js'
import { changed, inserted, newHash, newWorkspace, secret, START, type KeyStoreCase } from './key-store-drafts.js'

const LEASE = 1000
/** Further than the leases of the keys of other cases reach. */
const LATER = 100_000

/** A case of stores that know of notices; others pass. */
function ofNotices (name: string, run: (notices: KeyNotices, store: KeyStore) => Promise<void>): KeyStoreCase {
  return { name, run: async (store) => { if (store.notices !== undefined) await run(store.notices, store) } }
}

/** All keys of a workspace that are due; of those that are not, too: they are held for as long. */
async function dueOf (notices: KeyNotices, workspace: string, now: number, lease = LEASE): Promise<DueKey[]> {
  const found: DueKey[] = []
  for (;;) {
    const due = await notices.due(now, lease, 50)
    assert.ok(due.length <= 50)
    found.push(...due.filter(({ key }) => key.workspace === workspace))
    if (due.length === 0) return found
  }
}

/** The one key that is due. */
async function oneOf (notices: KeyNotices, workspace: string, now: number): Promise<DueKey> {
  const [held, ...others] = await dueOf(notices, workspace, now)
  assert.ok(held !== undefined, 'the key is not due')
  assert.deepStrictEqual(others, [])
  return held
}

const idsOf = (held: readonly DueKey[]): string[] => held.map(({ key }) => key.id)
const sorted = (keys: ReadonlyArray<{ key: ApiKey }>): string[] => keys.map(({ key }) => key.id).sort()

export const notices: readonly KeyStoreCase[] = [
  ofNotices('a new key is to be looked at once, and is given out with what it is', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace, { name: 'CI', owner: 'ada', tier: 'pro', metadata: { team: 'a' }, expiresAt: new Date(START + 5) })
    const held = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(held, { key, noticed: [], leasedUntil: START + LEASE })
    assert.deepStrictEqual(await dueOf(notices, workspace, START), [], 'it is held')
  }),
  ofNotices('a hold that is not ended runs out', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    const crashed = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LEASE - 1), [])
    const held = await oneOf(notices, workspace, START + LEASE)
    assert.deepStrictEqual(held, { ...crashed, leasedUntil: START + 2 * LEASE })
    assert.equal(await notices.settle(crashed, ['late'], undefined), false, 'it is another\'s')
    assert.equal(await notices.settle(held, ['told'], START + LATER), true)
    assert.equal(await notices.settle(held, ['again'], undefined), false, 'it has ended')
    const { noticed } = await oneOf(notices, workspace, START + LATER)
    assert.deepStrictEqual([noticed, (await store.get(workspace, key.id))?.version], [['told'], 1])
  }),
  ofNotices('a key is given out when its instant comes, and not before', async (notices, store) => {
    const workspace = newWorkspace()
    await inserted(store, workspace)
    let now = START
    for (const later of [1, LATER, 0, -LATER]) {
      const held = await oneOf(notices, workspace, now)
      const next = now + later
      assert.equal(await notices.settle(held, [...held.noticed, `notice ${later} "'\\`], next), true)
      if (later > 0) assert.deepStrictEqual(await dueOf(notices, workspace, next - 1), [])
      now = Math.max(now, next)
    }
    const held = await oneOf(notices, workspace, now)
    assert.deepStrictEqual(held.noticed, ['notice 1 "\'\\', `notice ${LATER} "'\\`, 'notice 0 "\'\\', `notice ${-LATER} "'\\`])
    assert.equal(await notices.settle(held, [], undefined), true)
    assert.deepStrictEqual(await dueOf(notices, workspace, now + 10 * LATER), [], 'it needs no look')
  }),
  ofNotices('a key that is changed is to be looked at at once', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    await notices.settle(await oneOf(notices, workspace, START), ['told'], undefined)
    const renewed = changed(key, { expiresAt: new Date(START + LATER) })
    assert.equal(await store.update(renewed), true)
    const held = await oneOf(notices, workspace, START)
    assert.deepStrictEqual([held.key, held.noticed], [renewed, ['told']])
    await notices.settle(held, ['told', 'more'], START + LATER)
    const rotated = changed(renewed, { secrets: [secret(1), secret(2)] })
    assert.equal(await store.update(rotated, newHash()), true)
    assert.equal(await store.update({ ...rotated, version: 9 }), false)
    assert.deepStrictEqual((await oneOf(notices, workspace, START)).key, rotated)
  }),
  ofNotices('a key that is changed while it is held stays held, and is to be looked at again as soon as it is not', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    const held = await oneOf(notices, workspace, START)
    const revoked = changed(key, { revokedAt: new Date(START) })
    assert.equal(await store.update(revoked), true)
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LEASE - 1), [])
    assert.equal(await notices.settle(held, ['told'], START + LATER), true)
    const again = await oneOf(notices, workspace, START)
    assert.deepStrictEqual([again.key, again.noticed], [revoked, ['told']])
  }),
  ofNotices('what uses note brings no look forward', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    await notices.settle(await oneOf(notices, workspace, START), [], START + LATER)
    await store.recordUse([{ workspace, id: key.id, lastUsedAt: new Date(START), scopesUsedAt: {} }])
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LATER - 1), [])
    assert.deepStrictEqual((await oneOf(notices, workspace, START + LATER)).key.lastUsedAt, new Date(START))
  }),
  ofNotices('the earliest come first, and no more than are wanted', async (notices, store) => {
    const workspace = newWorkspace()
    for (const id of ['c', 'a', 'b', 'd']) await inserted(store, workspace, { id: `${workspace}-${id}` })
    const instants = new Map(['a', 'b', 'c', 'd'].map((id, i) => [`${workspace}-${id}`, START + LATER + i]))
    for (const held of await dueOf(notices, workspace, START, LEASE)) await notices.settle(held, [], instants.get(held.key.id))
    assert.deepStrictEqual(idsOf(await dueOf(notices, workspace, START + LATER - 1, 10 * LATER)), [], 'keys of other cases are held from here on')
    assert.deepStrictEqual(idsOf([...await notices.due(START + 2 * LATER, LEASE, 3)]), [...instants.keys()].slice(0, 3))
    assert.deepStrictEqual(idsOf([...await notices.due(START + 2 * LATER, LEASE, 1)]), [...instants.keys()].slice(3))
  }),
  ofNotices('of many who ask at once, each key is given to one', async (notices, store) => {
    const workspace = newWorkspace()
    const made = await Promise.all(Array.from({ length: 60 }, () => inserted(store, workspace)))
    const found = (await Promise.all(Array.from({ length: 6 }, () => dueOf(notices, workspace, START)))).flat()
    assert.deepStrictEqual(sorted(found), sorted(made))
    assert.deepStrictEqual(await Promise.all(found.map((held) => notices.settle(held, [], undefined))), found.map(() => true))
  })
]
