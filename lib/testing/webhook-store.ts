import assert from 'node:assert/strict'
import type { Delivery } from '../webhooks/index.js'
import { claims } from './webhook-store-claims.js'
import {
  at, claimOf, delivery, endpoint, inserted, LEASE, MAX, one, settled, word, type WebhookStoreCase
} from './webhook-store-drafts.js'

const records: readonly WebhookStoreCase[] = [
  {
    name: 'an endpoint is returned as it was inserted, in its workspace alone, and its id exists once',
    async run (store) {
      const made = await inserted(store, {
        description: 'Ä',
        environment: 'sandbox',
        events: ['key.expiring'],
        disabledAt: at(1),
        disabledReason: 'gone',
        failingSince: at(2),
        updatedAt: at(4),
        updatedBy: { kind: 'access-token', id: 'user_1', owner: 'ada' },
        secrets: [{ value: 'a', createdAt: at(0), retiresAt: at(9) }, { value: 'b', createdAt: at(3) }]
      })
      const stored = await store.getEndpoint(made.workspace, made.id)
      assert.deepStrictEqual(stored, made)
      assert.ok(Object.isFrozen(stored))
      assert.equal(await store.getEndpoint('elsewhere', made.id), undefined)
      const elsewhere = { ...made, workspace: word('w') }
      await assert.rejects(store.insertEndpoint(elsewhere, MAX), { name: 'DuplicateError' })
      assert.deepStrictEqual(await store.getEndpoint(made.workspace, made.id), made)
    }
  },
  {
    name: 'endpoints are listed newest first, and selected by the events that they subscribe to',
    async run (store) {
      const workspace = word('w')
      const all = [
        endpoint(workspace, { createdAt: at(2) }),
        endpoint(workspace, { createdAt: at(1), events: ['key.expired'] }),
        endpoint(workspace, { disabledAt: at(1) })
      ]
      for (const made of all) await store.insertEndpoint(made, MAX)
      assert.deepStrictEqual(await store.listEndpoints(workspace), all)
      assert.deepStrictEqual(await store.subscribed(workspace, 'key.expired'), all.slice(0, 2))
      assert.deepStrictEqual(await store.subscribed(workspace, 'key.expiring'), all.slice(0, 1))
      assert.deepStrictEqual(await store.listEndpoints(word('w')), [])
    }
  },
  {
    name: 'an update replaces the version before it, once; a removed endpoint leaves nothing',
    async run (store) {
      const made = await inserted(store)
      const next = { ...made, url: 'https://example.org/', version: 2 }
      const rivals = [next, { ...next, url: 'https://example.net/' }]
      const results = await Promise.all(rivals.map((endpoint) => store.updateEndpoint(endpoint)))
      assert.deepStrictEqual(results.sort(), [false, true])
      assert.equal((await store.getEndpoint(made.workspace, made.id))?.version, 2)
      assert.equal(await store.updateEndpoint({ ...next, workspace: word('w'), version: 3 }), false)
      assert.equal(await store.updateEndpoint(endpoint(made.workspace, { version: 2 })), false)
      const waiting = delivery(made)
      assert.deepStrictEqual(await store.enqueue([waiting]), [waiting.id])
      assert.equal(await store.removeEndpoint('elsewhere', made.id), false)
      assert.equal(await store.removeEndpoint(made.workspace, made.id), true)
      assert.equal(await store.removeEndpoint(made.workspace, made.id), false)
      assert.equal(await store.getDelivery(made.workspace, made.id, waiting.id), undefined)
      assert.deepStrictEqual((await claimOf(store, made, 0)).claims, [])
      assert.deepStrictEqual(await store.enqueue([delivery(made)]), [], 'nothing is added to an endpoint that is gone')
    }
  },
  {
    name: 'a delivery is added once, and returned as it was added',
    async run (store) {
      const made = await inserted(store)
      const [first, second] = [delivery(made), delivery(made, { type: 'webhook.test', nextAt: at(7) })]
      assert.deepStrictEqual(await store.enqueue([first, second]), [first.id, second.id])
      const claim = await one(store, made, 0)
      assert.deepStrictEqual(await store.enqueue([first, { ...second, payload: 'other' }]), [])
      assert.deepStrictEqual(await store.getDelivery(made.workspace, made.id, second.id), second)
      assert.deepStrictEqual(claim.delivery, { ...first, nextAt: at(LEASE) })
      assert.equal(await store.getDelivery('elsewhere', made.id, second.id), undefined)
      assert.equal(await store.getDelivery(made.workspace, made.id, 'other'), undefined)
      assert.deepStrictEqual(await store.enqueue([]), [])
    }
  }
]

const limits: readonly WebhookStoreCase[] = [
  {
    name: 'a workspace never has more endpoints than the limit, however many are added at the same time',
    async run (store) {
      const [workspace, other] = [word('w'), word('w')]
      const added = await Promise.all(Array.from({ length: 12 }, () => store.insertEndpoint(endpoint(workspace), 5)))
      assert.equal(added.filter(Boolean).length, 5)
      const [first, ...rest] = await store.listEndpoints(workspace)
      assert.equal(rest.length, 4)
      assert.equal(await store.insertEndpoint(endpoint(other), 5), true, 'other workspaces have limits of their own')
      const refused = endpoint(workspace)
      assert.equal(await store.insertEndpoint(refused, 5), false)
      assert.equal(await store.getEndpoint(workspace, refused.id), undefined)
      await store.removeEndpoint(workspace, String(first?.id))
      assert.equal(await store.insertEndpoint(refused, 5), true, 'a refused id is not taken')
      assert.equal(await store.insertEndpoint(endpoint(workspace), 4), false, 'a limit may become lower')
    }
  }
]

const lists: readonly WebhookStoreCase[] = [
  {
    name: 'deliveries are listed newest first, in pages and by state',
    async run (store) {
      const made = await inserted(store)
      const all = Array.from({ length: 7 }, (_, i) => delivery(made, { createdAt: at(i >> 1), nextAt: at(i * 10) }))
      await store.enqueue(all)
      await store.settle(await one(store, made, 0), settled())
      const sorted = [...all].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))
      const order = sorted.map(({ id }) => id)
      const ids: string[] = []
      for (let after; ;) {
        const { deliveries, next } = await store.listDeliveries(made.workspace, made.id, { limit: 3, after })
        ids.push(...deliveries.map(({ id }) => id))
        if (next === undefined) break
        after = next
      }
      assert.deepStrictEqual(ids, order)
      const inState = async (state: Delivery['state']) => {
        const { deliveries } = await store.listDeliveries(made.workspace, made.id, { limit: 10, state })
        return deliveries.map(({ id }) => id)
      }
      assert.deepStrictEqual(await inState('delivered'), [all[0]?.id])
      assert.deepStrictEqual(await inState('pending'), order.filter((id) => id !== all[0]?.id))
      assert.deepStrictEqual((await store.listDeliveries('elsewhere', made.id, { limit: 1 })).deliveries, [])
    }
  },
  {
    name: 'pruning deletes old deliveries that have ended',
    async run (store) {
      const made = await inserted(store)
      const old = (i: number) => at(-1e10 + i)
      const all = Array.from({ length: 4 }, (_, i) => delivery(made, { createdAt: old(i), nextAt: at(i) }))
      await store.enqueue(all)
      for (const claim of (await claimOf(store, made, 2)).claims) await store.settle(claim, settled())
      assert.equal(await store.prune(old(2), 1), 1)
      assert.equal(await store.prune(old(2), 10), 1)
      assert.equal(await store.prune(old(4), 10), 1, 'pending ones stay')
      const { deliveries } = await store.listDeliveries(made.workspace, made.id, { limit: 10 })
      assert.deepStrictEqual(deliveries.map(({ id }) => id), [all[3]?.id])
      await store.removeEndpoint(made.workspace, made.id)
    }
  }
]

/**
 * The rules that every webhook store keeps, for a test runner of your choice. Cases may share one store if they run one
 * after the other, and nothing else claims from it.
 *
 * ```ts
 * for (const { name, run } of webhookStoreConformance()) test(name, () => run(createStore()))
 * ```
 */
export function webhookStoreConformance (): readonly WebhookStoreCase[] {
  return [...records, ...limits, ...claims, ...lists]
}
