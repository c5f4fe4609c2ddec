import assert from 'node:assert/strict'
import type { EndpointLimit, WebhookEndpoint } from '../webhooks/index.js'
import {
  at, attempt, claimAll, claimOf, delivery, inserted, LEASE, one, settled, START, type WebhookStoreCase
} from './webhook-store-drafts.js'

function limitOf ({ workspace, id }: WebhookEndpoint, limit: number): EndpointLimit {
  return { workspace, endpointId: id, limit }
}

export const claims: readonly WebhookStoreCase[] = [
  {
    name: 'a delivery is claimed by one caller until its lease ends, and then by another',
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
    name: 'the caller with the lease settles a delivery, and nobody else',
    async run (store) {
      const made = await inserted(store)
      const sent = delivery(made)
      await store.enqueue([sent])
      const first = await one(store, made, 0)
      const retried = settled({ attempt: attempt(), state: 'pending', nextAt: at(5000) })
      assert.equal(await store.settle(first, retried), true)
      assert.equal(await store.settle(first, settled()), false)
      const pending = { ...sent, attempts: [attempt()], nextAt: at(5000) }
      assert.deepStrictEqual(await store.getDelivery(made.workspace, made.id, sent.id), pending)
      assert.deepStrictEqual(await claimOf(store, made, 4999), { claims: [], nextAt: START + 5000 })
      const late = await one(store, made, 5000)
      const another = await one(store, made, 5000 + LEASE)
      assert.equal(await store.settle(late, settled()), false, 'its lease ran out')
      assert.equal(await store.settle(another, settled()), true)
      const attempts = [attempt(), settled().attempt]
      const { nextAt: _none, ...ended } = { ...pending, state: 'delivered' as const, attempts }
      assert.deepStrictEqual(await store.getDelivery(made.workspace, made.id, sent.id), ended)
      assert.deepStrictEqual(await claimOf(store, made, 1e9), { claims: [], nextAt: undefined })
      const other = await inserted(store)
      const moved = { ...late.delivery, endpointId: other.id, workspace: other.workspace }
      assert.equal(await store.settle({ delivery: moved, leasedUntil: late.leasedUntil }, settled()), false)
    }
  },
  {
    name: 'a long queue of one endpoint delays no other',
    async run (store) {
      await claimAll(store, 0, { limit: 100, perEndpoint: 100 })
      const dead = await inserted(store)
      await store.enqueue(Array.from({ length: 60 }, () => delivery(dead, { nextAt: at(-9000) })))
      const live: WebhookEndpoint[] = []
      for (let i = 0; i < 10; i++) live.push(await inserted(store))
      for (const made of live) await store.enqueue([delivery(made), delivery(made)])
      assert.equal((await claimOf(store, dead, -9001)).claims.length, 0)
      const claimed = await claimAll(store, 0, { limit: 6, perEndpoint: 3 })
      const dueToDead = claimed.map((counts) => counts.get(dead.id) ?? 0)
      const liveEnd = claimed.findLastIndex((counts) => live.some(({ id }) => counts.has(id)))
      assert.ok(dueToDead.every((count) => count <= 3), 'no more of one endpoint than was asked for')
      assert.ok(liveEnd <= 8, `the live ones ended with claim ${liveEnd}`)
      assert.equal(dueToDead.reduce((sum, count) => sum + count, 0), 60)
    }
  },
  {
    name: 'of an endpoint with a limit of its own no more is claimed than that',
    async run (store) {
      await claimAll(store, 1e6, { limit: 100, perEndpoint: 100 })
      const [one, other] = [await inserted(store), await inserted(store)]
      for (const made of [one, other]) await store.enqueue(Array.from({ length: 6 }, () => delivery(made)))
      const limit = { limit: 10, perEndpoint: 4, endpointLimits: [limitOf(one, 3)] }
      const { claims } = await store.claim(START + 1, LEASE, limit)
      const ids = claims.map(({ delivery }) => delivery.endpointId)
      const counts = [one, other].map(({ id }) => ids.filter((endpointId) => endpointId === id).length)
      assert.deepStrictEqual(counts, [3, 4])
      for (const claim of claims) await store.settle(claim, settled())
      await claimAll(store, 1e6, { limit: 100, perEndpoint: 100 })
    }
  },
  {
    name: 'an endpoint with the limit 0 is left out, also from when something is due next',
    async run (store) {
      await claimAll(store, 1e6, { limit: 100, perEndpoint: 100 })
      const [one, other] = [await inserted(store), await inserted(store)]
      await store.enqueue([delivery(one), delivery(other), delivery(other, { nextAt: at(100) })])
      const claimed = await claimAll(store, 1, { limit: 10, perEndpoint: 10, endpointLimits: [limitOf(one, 0)] })
      assert.deepStrictEqual(claimed.map((counts) => [...counts]), [[[other.id, 1]]])
      const ask = (unwanted: readonly WebhookEndpoint[]) => {
        const endpointLimits = unwanted.map((endpoint) => limitOf(endpoint, 0))
        return store.claim(START + 1, LEASE, { limit: 10, perEndpoint: 10, endpointLimits })
      }
      const first = await ask([one])
      assert.deepStrictEqual(first.claims, [])
      assert.ok(first.nextAt !== undefined && first.nextAt > START + 1 && first.nextAt <= START + 100)
      const { claims, nextAt = Infinity } = await ask([one, other])
      assert.deepStrictEqual(claims, [])
      assert.ok(nextAt > START + 100, 'not when one of them is due')
      await claimAll(store, 100, { limit: 10, perEndpoint: 10 })
    }
  }
]
