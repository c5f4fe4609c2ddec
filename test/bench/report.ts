import type { CounterCosts } from './counters.js'
import type { Fleet, Latency } from './fleet.js'
import type { HeapPerCredential } from './heap.js'
import type { Measured } from './rounds.js'
import type { StoreTimes } from './stores.js'
import { table } from './table.js'
import type { WebhookFigures } from './webhooks.js'

export interface Results {
  speed?: ReadonlyMap<string, Measured>
  heap?: HeapPerCredential
  growth?: ReadonlyMap<string, Measured>
  /** Whole requests whose credentials are held, by where they live. */
  held?: ReadonlyMap<string, Measured>
  stores?: readonly StoreTimes[]
  redis?: { readonly latencies: readonly Latency[], readonly fleets: readonly Fleet[], readonly counters: readonly CounterCosts[] }
  webhooks?: readonly WebhookFigures[]
}

/** `{ "plain": { cpuMicros, ratio, rival?, redisMicros? }, …, "heapPerCredential": { … }, "growth": { … } }` */
export function asJson ({ speed, heap, growth, held, stores, redis, webhooks }: Results): string {
  return JSON.stringify({
    ...speed !== undefined && members(speed),
    ...heap !== undefined && { heapPerCredential: heap },
    ...growth !== undefined && { growth: members(growth) },
    ...held !== undefined && { held: members(held) },
    ...stores !== undefined && { stores },
    ...redis !== undefined && { redis },
    ...webhooks !== undefined && { webhooks }
  })
}

function members (measured: ReadonlyMap<string, Measured>): Record<string, Measured> {
  return Object.fromEntries([...measured].map(([name, { cpuMicros, ratio, rival, redisMicros }]) =>
    [name, { cpuMicros: rounded(cpuMicros), ratio: rounded(ratio), ...rival !== undefined && { rival: { name: rival.name, ratio: rounded(rival.ratio), least: rounded(rival.least), most: rounded(rival.most) } }, ...redisMicros !== undefined && { redisMicros: rounded(redisMicros) } }]))
}

export function asText ({ speed, heap, growth, held, stores, redis, webhooks }: Results): string {
  return [
    ...speed === undefined ? [] : [`CPU per request of the server process\n${measuredTable(speed)}`],
    ...growth === undefined ? [] : [`As routes, scopes and policies grow; ratio to plain Fastify with as many routes\n${measuredTable(growth)}`],
    ...heap === undefined ? [] : [`Heap per active credential at ${heap.credentials}\n${heapTable(heap)}`],
    ...held === undefined ? [] : [`CPU per request whose credential the process holds, counters in memory, all in one process; ratio to keys in memory\n${measuredTable(held)}`],
    ...stores === undefined ? [] : [`Time of calls of key stores, client and server on this machine\n${storesTable(stores)}`],
    ...redis === undefined ? [] : redisTables(redis),
    ...webhooks === undefined ? [] : [`Webhooks over TLS, to a receiver on this machine\n${webhooksTable(webhooks)}`]
  ].join('\n\n')
}

function measuredTable (measured: ReadonlyMap<string, Measured>): string {
  return table([
    ['', 'µs', 'ratio', 'µs of Redis', 'rival takes (groups)'],
    ...[...measured].map(([name, { cpuMicros, ratio, rival, redisMicros }]) => [name, cpuMicros.toFixed(1), ratio.toFixed(2), redisMicros?.toFixed(1) ?? '',
      rival === undefined ? '' : `${rival.ratio.toFixed(2)} × (${rival.least.toFixed(2)} to ${rival.most.toFixed(2)})`])
  ])
}

function heapTable ({ window, bucket, sliding, keyRecord, cachedKey, glued }: HeapPerCredential): string {
  return table([
    ['', 'bytes'],
    ['counter, fixed window', String(window)],
    ['counter, token bucket', String(bucket)],
    ['counter, sliding window', String(sliding)],
    ['key record and principal, found by hash and id', String(keyRecord)],
    ['key in the record cache, found by hash', String(cachedKey)],
    ['counter of @fastify/rate-limit', String(glued)]
  ])
}

function storesTable (stores: readonly StoreTimes[]): string {
  return table([
    ['µs', 'keys', 'reached by 10,000 held', 'heap more, KiB', 'verify', 'verify, 50 at once', 'verify, held', 'first page', 'page amid the list', 'revoke', 'look, none due', 'look, 100 due'],
    ...stores.map(({ store, keys, reached, reachGrowth, ...times }) => [store, String(keys), `${(100 * reached).toFixed(2)} %`, reachGrowth.toFixed(0), ...[times.verify, times.verifyAtOnce, times.warm, times.firstPage, times.deepPage, times.update, times.lookIdle, times.lookDue].map((time) => time.toFixed(time < 10 ? 2 : 0))])
  ])
}

function webhooksTable (webhooks: readonly WebhookFigures[]): string {
  return table([
    ['', 'a second', 'µs CPU each', 'p50, p99 ms', 'beside a dead endpoint', 'heap with many pending'],
    ...webhooks.map(({ name, perSecond, cpuMicros, alone, besideDead, pendingMegabytes, pending }) =>
      [name, perSecond.toFixed(0), cpuMicros.toFixed(0), `${alone.p50}, ${alone.p99}`, `${besideDead.p50}, ${besideDead.p99}`, `${pendingMegabytes.toFixed(1)} MB at ${pending}`])
  ])
}

function redisTables ({ latencies, fleets, counters }: NonNullable<Results['redis']>): string[] {
  return [
    `Time of an answer by connections, over Redis\n${table([
      ['µs', 'connections', 'p50', 'p99'],
      ...latencies.map(({ name, connections, p50, p99 }) => [name, String(connections), p50.toFixed(0), p99.toFixed(0)])
    ])}`,
    `Processes over one Redis; CPU per request of all of them\n${table([
      ['', 'processes', 'requests/s', 'µs', 'µs of Redis'],
      ...fleets.map(({ name, processes, requestsPerSecond, cpuMicros, redisMicros }) => [name, String(processes), requestsPerSecond.toFixed(0), cpuMicros.toFixed(1), redisMicros.toFixed(1)])
    ])}`,
    `What counting costs Redis, 50 requests at once without HTTP\n${table([
      ['', 'credentials', 'µs of Redis', 'bytes a credential'],
      ...counters.map(({ name, credentials, redisMicros, bytes }) => [name, String(credentials), redisMicros.toFixed(1), credentials === 1 ? '' : bytes.toFixed(0)])
    ])}`
  ]
}

function rounded (value: number): number {
  return Math.round(value * 1000) / 1000
}
