import type { OnBroken } from '../core/stored-record.js'
import type { WebhookStore } from './store.js'

/** The same store, of which every scan reports the records that it passes over, whoever asks. */
export function reportBroken (store: WebhookStore, onBroken: OnBroken): WebhookStore {
  return {
    ready: async () => await store.ready?.(),
    insertEndpoint: (endpoint, maxEndpoints) => store.insertEndpoint(endpoint, maxEndpoints),
    getEndpoint: (workspace, id) => store.getEndpoint(workspace, id),
    listEndpoints: (workspace) => store.listEndpoints(workspace, onBroken),
    updateEndpoint: (endpoint) => store.updateEndpoint(endpoint),
    removeEndpoint: (workspace, id) => store.removeEndpoint(workspace, id),
    subscribed: (workspace, type) => store.subscribed(workspace, type, onBroken),
    enqueue: (deliveries) => store.enqueue(deliveries),
    getDelivery: (workspace, endpointId, id) => store.getDelivery(workspace, endpointId, id),
    listDeliveries: (workspace, endpointId, page) => store.listDeliveries(workspace, endpointId, page, onBroken),
    claim: (now, lease, limit) => store.claim(now, lease, limit, onBroken),
    settle: (claim, settled) => store.settle(claim, settled),
    prune: (before, limit) => store.prune(before, limit)
  }
}
