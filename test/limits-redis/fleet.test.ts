import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Profile } from 'fastify-latchkey'
import { start } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { startRedis } from '../helpers/redis-server.js'

const file = fileURLToPath(new URL('../helpers/limited-server.js', import.meta.url))

/** Starts a process of the fleet and answers its URL; it ends with the test. */
async function startProcess (t: Test, redisUrl: string, tiers: Readonly<Record<string, Profile>>, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = start([process.execPath, file], undefined, { REDIS_URL: redisUrl, TIERS: JSON.stringify(tiers), ...more })
  child.stderr.pipe(process.stderr)
  t.teardown(async () => {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended
  })
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  return String(value)
}

async function statuses (urls: readonly string[], id: string, requests: number): Promise<number[]> {
  return Promise.all(Array.from({ length: requests }, async (_, n) => {
    const response = await fetch(urls[n % urls.length] ?? '', { headers: { authorization: `Bearer ${id}` } })
    await response.arrayBuffer()
    return response.status
  }))
}

const wide = { name: 'wide', quota: 100_000, window: 60 }
const tiers: Record<string, Profile> = {
  window: [{ name: 'p', quota: 100, window: 3600 }, wide],
  bucket: [{ name: 'p', quota: 1, window: 3600, burst: 100 }, wide],
  sliding: [{ name: 'p', quota: 100, window: 3600, sliding: true }, wide],
  workspace: [{ name: 'p', quota: 100, window: 3600, partition: 'workspace' }, wide],
}

t.test('of 1,000 requests at once to four processes exactly the quota passes', async (t) => {
  const server = await startRedis(t)
  const urls = await Promise.all([1, 2, 3, 4].map(() => startProcess(t, server.url, tiers)))
  const rounds = collectRounds()
  for (const tier of Object.keys(tiers)) {
    const all = await statuses(urls, tier, 1000)
    rounds.add([all.filter((status) => status === 200).length, all.filter((status) => status === 429).length], [100, 900], tier)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a dry run in two processes refuses nobody, and reports exactly what the quota would refuse', async (t) => {
  const server = await startRedis(t)
  const urls = await Promise.all([1, 2].map(() => startProcess(t, server.url, tiers, { DRY_RUN: 'yes' })))
  const rounds = collectRounds()
  for (const tier of ['window', 'workspace']) {
    const all = await statuses(urls, tier, 300)
    rounds.add(all.filter((status) => status === 200).length, 300, tier)
  }
  t.strictSame(rounds.seen, rounds.expected)
  const reports = await Promise.all(urls.map(async (url) => {
    const response = await fetch(`${url}/decisions`)
    const counts: Record<string, number> = JSON.parse(await response.text())
    return counts
  }))
  const sum = (outcome: string): number => reports.reduce((total, counts) => total + (counts[outcome] ?? 0), 0)
  t.same([sum('admitted'), sum('limited'), sum('unavailable')], [200, 400, 0])
})
