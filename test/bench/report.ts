import type { HeapPerCredential } from './heap.js'
import type { Measured } from './rounds.js'
import type { StoreTimes } from './stores.js'
import { table } from './table.js'

export interface Results {
  speed?: ReadonlyMap<string, Measured>
  heap?: HeapPerCredential
  growth?: ReadonlyMap<string, Measured>
  stores?: readonly StoreTimes[]
}

/** `{ "plain": { cpuMicros, ratio, redisMicros? }, …, "heapPerCredential": { … }, "growth": { … } }` */
export function asJson ({ speed, heap, growth, stores }: Results): string {
  return JSON.stringify({
    ...speed !== undefined && members(speed),
    ...heap !== undefined && { heapPerCredential: heap },
    ...growth !== undefined && { growth: members(growth) },
    ...stores !== undefined && { stores }
  })
}

function members (measured: ReadonlyMap<string, Measured>): Record<string, Measured> {
  return Object.fromEntries([...measured].map(([name, { cpuMicros, ratio, redisMicros }]) =>
    [name, { cpuMicros: rounded(cpuMicros), ratio: rounded(ratio), ...redisMicros !== undefined && { redisMicros: rounded(redisMicros) } }]))
}

export function asText ({ speed, heap, growth, stores }: Results): string {
  return [
    ...speed === undefined ? [] : [`CPU per request of the server process\n${measuredTable(speed)}`],
    ...growth === undefined ? [] : [`As routes, scopes and policies grow; ratio to plain Fastify with as many routes\n${measuredTable(growth)}`],
    ...heap === undefined ? [] : [`Heap per active credential at ${heap.credentials}\n${heapTable(heap)}`],
    ...stores === undefined ? [] : [`Time of calls of key stores, client and server on this machine\n${storesTable(stores)}`]
  ].join('\n\n')
}

function measuredTable (measured: ReadonlyMap<string, Measured>): string {
  return table([
    ['', 'µs', 'ratio', 'µs of Redis'],
    ...[...measured].map(([name, { cpuMicros, ratio, redisMicros }]) => [name, cpuMicros.toFixed(1), ratio.toFixed(2), redisMicros?.toFixed(1) ?? ''])
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
    ['µs', 'keys', 'verify', 'verify, 50 at once', 'verify, held', 'first page', 'page amid the list', 'revoke'],
    ...stores.map(({ store, keys, ...times }) => [store, String(keys), ...[times.verify, times.verifyAtOnce, times.warm, times.firstPage, times.deepPage, times.update].map((time) => time.toFixed(time < 10 ? 2 : 0))])
  ])
}

function rounded (value: number): number {
  return Math.round(value * 1000) / 1000
}
