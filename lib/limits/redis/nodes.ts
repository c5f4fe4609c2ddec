import { createCircuitBreaker, type CircuitBreaker } from './circuit-breaker.js'
import type { RedisClient } from './client.js'

/** What is known of one Redis server: the only one, or a node of a Cluster. */
export interface RedisNode {
  readonly breaker: CircuitBreaker
  /** µs by which its clock is ahead of ours; undefined until its time is known over this connection. */
  offset: number | undefined
}

export interface Nodes {
  /** The node that owns a hash slot. */
  of (slot: number): RedisNode
  /** Forgets what may differ over a new connection, and lets a probe through to each node. */
  reconnected (): void
}

export interface NodesDeps {
  readonly client: RedisClient
  /** Called when the first node becomes unavailable, and when none is any more. */
  readonly onChange: (state: 'available' | 'unavailable', reason: string) => void
}

/** Milliseconds between two checks of which nodes a Cluster still has. */
const PRUNE_MS = 1_000

/** Keeps the nodes of a Cluster apart, so that one that is down costs only the requests that need it. */
export function createNodes ({ client, onChange }: NodesDeps): Nodes {
  const nodes = new Map<string, RedisNode>()
  const unavailable = new Set<string>()
  let prunedAt = 0

  const addressOf = (slot: number): string => client.slots?.[slot]?.[0] ?? ''

  function create (address: string): RedisNode {
    const node: RedisNode = {
      offset: undefined,
      breaker: createCircuitBreaker({
        now: () => performance.now(),
        random: Math.random,
        onChange (state, reason) {
          const first = unavailable.size === 0
          if (state === 'unavailable') unavailable.add(address)
          const last = state === 'available' && unavailable.delete(address) && unavailable.size === 0
          if (first || last) onChange(state, reason)
        }
      })
    }
    nodes.set(address, node)
    return node
  }

  /** A primary that failed over owns no slots: nothing is asked of it again, so it would stay unavailable for ever. */
  function prune (): void {
    prunedAt = performance.now()
    const owners = new Set(client.slots?.map(([primary]) => primary))
    if (owners.size === 0) return
    const before = unavailable.size
    for (const address of nodes.keys()) {
      if (owners.has(address)) continue
      nodes.delete(address)
      unavailable.delete(address)
    }
    if (before > 0 && unavailable.size === 0) onChange('available', 'another node took over')
  }

  return {
    of (slot) {
      const address = addressOf(slot)
      const known = nodes.get(address)
      if (known !== undefined && unavailable.size === 0) return known
      if (client.slots !== undefined && performance.now() - prunedAt >= PRUNE_MS) prune()
      return nodes.get(address) ?? create(address)
    },
    reconnected () {
      for (const node of nodes.values()) {
        node.offset = undefined
        node.breaker.probeNow()
      }
    }
  }
}
