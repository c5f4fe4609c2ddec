import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AccessEvent } from '../events/index.js'
import type { ApiKey, DueKey, KeyNotices, KeyStore } from '../keys/index.js'
import {
  changed, draft, inserted, newHash, newWorkspace, secret, START, type KeyStoreCase
} from './key-store-drafts.js'

const LEASE = 1000
/** Later than the leases of other cases end. */
const LATER = 100_000

/** A case for stores with notices; all others pass. */
function ofNotices (name: string, run: (notices: KeyNotices, store: KeyStore) => Promise<void>): KeyStoreCase {
  return { name, run: async (store) => { if (store.notices !== undefined) await run(store.notices, store) } }
}

/** All keys of a workspace that are due. Those of other workspaces are leased too. */
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
  const [one, ...others] = await dueOf(notices, workspace, now)
  assert.ok(one !== undefined, 'the key is not due')
  assert.deepStrictEqual(others, [])
  return one
}

const idsOf = (due: readonly DueKey[]): string[] => due.map(({ key }) => key.id)
function eventOf (workspace: string, type: 'key.issued' | 'key.updated' | 'key.revoked', at: number): AccessEvent {
  const event = { id: `evt_${randomUUID()}`, at: new Date(at), workspace }
  const data = { key: { id: 'key_of_event', environment: 'production', name: 'It\'s "quoted" \\ \u2028' } }
  const more = { by: { kind: 'user', id: 'ada' }, from: { ip: '2001:db8::1', requestId: 'req-1' } }
  if (type === 'key.updated') return { ...event, type, data: { ...data, changed: ['name'] } }
  return { ...event, ...more, type, data }
}

const sortedIds = (keys: ReadonlyArray<{ key: ApiKey }>): string[] => keys.map(({ key }) => key.id).sort()

export const notices: readonly KeyStoreCase[] = [
  ofNotices('a new key is due at once, and is returned as it is', async (notices, store) => {
    const workspace = newWorkspace()
    const more = { name: 'CI', owner: 'ada', tier: 'pro', metadata: { team: 'a' }, expiresAt: new Date(START + 5) }
    const { key } = await inserted(store, workspace, more)
    const leased = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(leased, { key, noticed: [], events: [], leasedUntil: START + LEASE })
    assert.deepStrictEqual(await dueOf(notices, workspace, START), [], 'it is leased')
  }),
  ofNotices('a lease that is not ended runs out', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    const crashed = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LEASE - 1), [])
    const leased = await oneOf(notices, workspace, START + LEASE)
    assert.deepStrictEqual(leased, { ...crashed, leasedUntil: START + 2 * LEASE })
    assert.equal(await notices.settle(crashed, ['late'], undefined), false, 'the first lease ran out')
    assert.equal(await notices.settle(leased, ['sent'], START + LATER), true)
    assert.equal(await notices.settle(leased, ['again'], undefined), false, 'the second has ended')
    const { noticed } = await oneOf(notices, workspace, START + LATER)
    assert.deepStrictEqual([noticed, (await store.get(workspace, key.id))?.version], [['sent'], 1])
  }),
  ofNotices('a key that nobody has leased cannot be settled', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    const unleased = { key, noticed: [], events: [], leasedUntil: START + LEASE }
    assert.equal(await notices.settle(unleased, ['early'], undefined), false)
    assert.deepStrictEqual((await oneOf(notices, workspace, START)).noticed, [])
  }),
  ofNotices('a key is returned when it is due, and not before', async (notices, store) => {
    const workspace = newWorkspace()
    await inserted(store, workspace)
    const early: DueKey[] = []
    let now = START
    for (const later of [1, LATER, 0, -LATER]) {
      const leased = await oneOf(notices, workspace, now)
      const next = now + later
      assert.equal(await notices.settle(leased, [...leased.noticed, `notice ${later} "'\\`], next), true)
      if (later > 0) early.push(...await dueOf(notices, workspace, next - 1))
      now = Math.max(now, next)
    }
    assert.deepStrictEqual(early, [])
    const leased = await oneOf(notices, workspace, now)
    assert.deepStrictEqual(leased.noticed, [1, LATER, 0, -LATER].map((later) => `notice ${later} "'\\`))
    assert.equal(await notices.settle(leased, [], undefined), true)
    assert.deepStrictEqual(await dueOf(notices, workspace, now + 10 * LATER), [], 'it needs no notice')
  }),
  ofNotices('a key that is changed is due at once', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    await notices.settle(await oneOf(notices, workspace, START), ['sent'], undefined)
    const renewed = changed(key, { expiresAt: new Date(START + LATER) })
    assert.equal(await store.update(renewed), true)
    const leased = await oneOf(notices, workspace, START)
    assert.deepStrictEqual([leased.key, leased.noticed], [renewed, ['sent']])
    await notices.settle(leased, ['sent', 'more'], START + LATER)
    const rotated = changed(renewed, { secrets: [secret(1), secret(2)] })
    assert.equal(await store.update(rotated, newHash()), true)
    assert.equal(await store.update({ ...rotated, version: 9 }), false)
    assert.deepStrictEqual((await oneOf(notices, workspace, START)).key, rotated)
  }),
  ofNotices('a key that is changed while it is leased is due as soon as the lease ends', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    const leased = await oneOf(notices, workspace, START)
    const revoked = changed(key, { revokedAt: new Date(START) })
    assert.equal(await store.update(revoked), true)
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LEASE - 1), [])
    assert.equal(await notices.settle(leased, ['sent'], START + LATER), true)
    const again = await oneOf(notices, workspace, START)
    assert.deepStrictEqual([again.key, again.noticed], [revoked, ['sent']])
  }),
  ofNotices('events of changes stay with the key until they were emitted', async (notices, store) => {
    const workspace = newWorkspace()
    const issued = eventOf(workspace, 'key.issued', START)
    const key = draft(workspace)
    await store.insert(key, newHash(), issued)
    const leased = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(leased.events, [issued])
    const revoked = eventOf(workspace, 'key.revoked', START + 1)
    const next = changed(key, { revokedAt: new Date(START + 1) })
    assert.equal(await store.update(next, undefined, revoked), true)
    assert.equal(await store.update(next, undefined, eventOf(workspace, 'key.updated', START)), false)
    assert.equal(await notices.settle(leased, [], undefined), true)
    const again = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(again.events, [issued, revoked], 'oldest first')
    await notices.emitted(key, [])
    await notices.emitted(key, [issued.id, 'evt_unknown'])
    await notices.emitted({ workspace: newWorkspace(), id: key.id }, [revoked.id])
    await notices.settle(again, [], START)
    const last = await oneOf(notices, workspace, START)
    assert.deepStrictEqual(last.events, [revoked])
    await notices.emitted(key, [revoked.id])
    await notices.emitted(key, [revoked.id])
    await notices.settle(last, [], START)
    assert.deepStrictEqual((await oneOf(notices, workspace, START)).events, [])
    assert.deepStrictEqual(await store.get(workspace, key.id), next)
  }),
  ofNotices('a use does not make a key due', async (notices, store) => {
    const workspace = newWorkspace()
    const { key } = await inserted(store, workspace)
    await notices.settle(await oneOf(notices, workspace, START), [], START + LATER)
    await store.recordUse([{ workspace, id: key.id, lastUsedAt: new Date(START), scopesUsedAt: {} }])
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LATER - 1), [])
    assert.deepStrictEqual((await oneOf(notices, workspace, START + LATER)).key.lastUsedAt, new Date(START))
  }),
  ofNotices('keys are returned earliest first, and no more than were asked for', async (notices, store) => {
    const workspace = newWorkspace()
    for (const id of ['c', 'a', 'b', 'd']) await inserted(store, workspace, { id: `${workspace}-${id}` })
    const ids = ['a', 'b', 'c', 'd'].map((id) => `${workspace}-${id}`)
    for (const leased of await dueOf(notices, workspace, START)) {
      await notices.settle(leased, [], START + LATER + ids.indexOf(leased.key.id))
    }
    // Leases the keys of other cases for long, so that only these four are due below.
    assert.deepStrictEqual(await dueOf(notices, workspace, START + LATER - 1, 10 * LATER), [])
    const now = START + 2 * LATER
    assert.deepStrictEqual(idsOf([...await notices.due(now, LEASE, 3)]), ids.slice(0, 3))
    assert.deepStrictEqual(idsOf([...await notices.due(now, LEASE, 1)]), ids.slice(3))
  }),
  ofNotices('of many callers at once, each key is leased to one', async (notices, store) => {
    const workspace = newWorkspace()
    const all = await Promise.all(Array.from({ length: 60 }, () => inserted(store, workspace)))
    const leased = (await Promise.all(Array.from({ length: 6 }, () => dueOf(notices, workspace, START)))).flat()
    assert.deepStrictEqual(sortedIds(leased), sortedIds(all))
    const settled = await Promise.all(leased.map((one) => notices.settle(one, [], undefined)))
    assert.deepStrictEqual(settled, leased.map(() => true))
  })
]
