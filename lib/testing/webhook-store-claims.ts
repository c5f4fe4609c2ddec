import assert from 'node:assert/strict'
import type { WebhookEndpoint } from '../webhooks/index.js'
import { at, attempt, claimOf, delivery, inserted, LEASE, one, settled, START, turns, type WebhookStoreCase } from './webhook-store-drafts.js'

export const claims: readonly WebhookStoreCase[] = [
  {
    name: 'a claim is for one caller until its lease ends, and then for another',
    async run (store) {
      const made = await inserted(store)
      const all = Array.from({ length: 40 }, () => delivery(made))
      await store.enqueue(all)
      const taken = await Promise.all(Array.from({ length: 8 }, () => claimOf(store, made, 0, 10)))
      const ids = taken.flatMap(({ claims }) => claims.map(({ delivery: { id } }) => id))
      assert.equal(new Set(ids).size, ids.length, 'none twice')
      for (;;) {
        const { claims, nextAt } = await claimOf(store, made, 0)
        ids.push(...claims.map(({ delivery: { id } }) => id))
        if (claims.length === 0) {
          assert.equal(nextAt, START + LEASE)
          break
        }
      }
      assert.deepStrictEqual(ids.sort(), all.map(({ id }) => id).sort())
      assert.deepStrictEqual((await claimOf(store, made, LEASE - 1)).claims, [])
      assert.equal((await claimOf(store, made, LEASE)).claims.length, 10)
    }
  },
  {
    name: 'what has become of a delivery is noted by who holds it',
    async run (store) {
      const made = await inserted(store)
      const sent = delivery(made)
      await store.enqueue([sent])
      const first = await one(store, made, 0)
      assert.equal(await store.settle(first, settled({ attempt: attempt(), state: 'pending', nextAt: at(5000) })), true)
      assert.equal(await store.settle(first, settled()), false)
      const pending = { ...sent, attempts: [attempt()], nextAt: at(5000) }
      assert.deepStrictEqual(await store.getDelivery(made.workspace, made.id, sent.id), pending)
      assert.deepStrictEqual(await claimOf(store, made, 4999), { claims: [], nextAt: START + 5000 })
      const late = await one(store, made, 5000)
      const another = await one(store, made, 5000 + LEASE)
      assert.equal(await store.settle(late, settled()), false, 'its claim was given to another')
      assert.equal(await store.settle(another, settled()), true)
      const { nextAt: _none, ...ended } = { ...pending, state: 'delivered' as const, attempts: [attempt(), settled().attempt] }
      assert.deepStrictEqual(await store.getDelivery(made.workspace, made.id, sent.id), ended)
      assert.deepStrictEqual(await claimOf(store, made, 1e9), { claims: [], nextAt: undefined })
      const other = await inserted(store)
      assert.equal(await store.settle({ delivery: { ...late.delivery, endpointId: other.id, workspace: other.workspace }, leasedUntil: late.leasedUntil }, settled()), false)
    }
  },
  {
    name: 'endpoints take turns: a long queue of one delays nobody',
    async run (store) {
      await turns(store, 0, 100, 100)
      const dead = await inserted(store)
      await store.enqueue(Array.from({ length: 60 }, () => delivery(dead, { nextAt: at(-9000) })))
      const live: WebhookEndpoint[] = []
      for (let i = 0; i < 10; i++) live.push(await inserted(store))
      for (const made of live) await store.enqueue([delivery(made), delivery(made)])
      assert.equal((await claimOf(store, dead, -9001)).claims.length, 0)
      const given = await turns(store, 0, 6, 3)
      const shares = given.map((counts) => counts.get(dead.id) ?? 0)
      const liveDone = given.findLastIndex((counts) => live.some(({ id }) => counts.has(id)))
      assert.ok(shares.every((share) => share <= 3), 'no more of one endpoint than was asked for')
      assert.ok(liveDone <= 8, `the live ones were done after ${liveDone} turns`)
      assert.equal(shares.reduce((sum, share) => sum + share, 0), 60)
    }
  },
  {
    name: 'endpoints that are not wanted are passed over, and what comes next is told',
    async run (store) {
      await turns(store, 1e6, 100, 100)
      const [one, other] = [await inserted(store), await inserted(store)]
      await store.enqueue([delivery(one), delivery(other), delivery(other, { nextAt: at(100) })])
      assert.deepStrictEqual((await turns(store, 1, 10, 10, [one.id])).map((counts) => [...counts]), [[[other.id, 1]]])
      const ask = (now: number, except: readonly string[]) => store.claim(START + now, LEASE, { limit: 10, perEndpoint: 10, except })
      const first = await ask(1, [one.id])
      assert.deepStrictEqual(first.claims, [])
      assert.ok(first.nextAt !== undefined && first.nextAt > START + 1 && first.nextAt <= START + 100)
      const { claims, nextAt = Infinity } = await ask(1, [one.id, other.id])
      assert.deepStrictEqual(claims, [])
      assert.ok(nextAt > START + 100, 'not when one of them is due')
      await turns(store, 100, 10, 10)
    }
  }
]
