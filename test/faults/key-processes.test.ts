import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { start } from '../helpers/child.js'
import { collectRounds } from '../helpers/collect.js'
import { startPostgres } from '../helpers/postgres.js'
import { startRedis } from '../helpers/redis-server.js'

const file = fileURLToPath(new URL('../helpers/key-server.js', import.meta.url))

interface Process { readonly url: string, readonly manager: string, kill (): Promise<void> }
interface Issued { readonly key: { readonly id: string, readonly version: number }, readonly secret: string }

/** Starts a server process; it ends with the test. */
async function startProcess (t: Test, environment: NodeJS.ProcessEnv): Promise<Process> {
  const child = start([process.execPath, file], undefined, environment)
  child.stderr.pipe(process.stderr)
  async function kill (): Promise<void> {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended
  }
  t.teardown(kill)
  let manager = ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('http')) return { url: line, manager, kill }
    manager = line
  }
  throw new Error('a server process did not start')
}

const postgres = await startPostgres(t)

/** Two processes that share a Postgres and a Redis, and nothing else. */
async function two (t: Test) {
  const redis = await startRedis(t)
  const environment = { KEYS_URL: await postgres.createDatabase(), REDIS_URL: redis.url }
  const [one, other] = await Promise.all([startProcess(t, { ...environment, MANAGER: '1' }), startProcess(t, environment)])

  async function ask (url: string, secret: string, method = 'GET', payload?: object) {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${secret}`, ...payload !== undefined && { 'content-type': 'application/json' } },
      ...payload !== undefined && { body: JSON.stringify(payload) }
    })
    return { status: response.status, body: await response.text() }
  }
  const devices = ({ url }: Process, secret: string) => ask(`${url}/devices`, secret)
  const lookups = async ({ url }: Process) => Number((await ask(`${url}/lookups`, '')).body)

  /** Changes keys in the one process, or in another. */
  async function manage (method: string, path: string, payload: object, { url } = one): Promise<Issued & { effectiveWithin: number }> {
    const { status, body } = await ask(`${url}/api-keys${path}`, one.manager, method, payload)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${body}`)
    return JSON.parse(body)
  }
  const issue = (...scopes: string[]) => manage('POST', '', { scopes })

  /** Makes the process cache the record. */
  async function warm (t: Test, process: Process, secret: string): Promise<void> {
    t.equal((await devices(process, secret)).status, 200)
    const before = await lookups(process)
    const rounds = collectRounds()
    for (let i = 0; i < 20; i++) rounds.add((await devices(process, secret)).status, 200)
    t.strictSame(rounds.seen, rounds.expected)
    t.equal(await lookups(process), before, 'twenty requests and not one query')
  }
  return { environment, redis, one, other, devices, lookups, manage, issue, warm }
}

type Two = Awaited<ReturnType<typeof two>>

/** Changes that take access away, and the answer to the next request with the old secret. */
const changes: ReadonlyArray<readonly [string, number, RegExp, (id: string, manage: Two['manage'], where?: Process) => ReturnType<Two['manage']>]> = [
  ['a revocation', 401, /The API key was revoked/, (id, manage, where) => manage('POST', `/${id}/revoke`, {}, where)],
  ['a scope that is taken away', 403, /requires devices:read; the credential grants devices:write/, (id, manage, where) => manage('PATCH', `/${id}`, { scopes: ['devices:write'] }, where)],
  ['a rotation without grace', 401, /The API key was rotated/, (id, manage, where) => manage('POST', `/${id}/rotate`, { grace: 0 }, where)]
]

t.test('a change in one process takes effect in the other with its next request, though that one caches for an hour', async (t) => {
  const { one, other, devices, lookups, manage, issue, warm } = await two(t)
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const [what, status, why, change] of changes) {
    for (const [changing, serving] of [[one, other], [other, one]] as const) {
      const { key, secret } = await issue('devices:read', 'devices:write')
      await warm(t, serving, secret)
      const changed = await change(key.id, manage, changing)
      rounds.add(changed.effectiveWithin, 0, 'the answer says so')
      const refusal = await devices(serving, secret)
      rounds.add(refusal.status, status, what)
      patterns.add(refusal.body, why)
      rounds.add((await devices(changing, secret)).status, status, 'and where it was made')
      if (changed.secret !== undefined) rounds.add((await devices(serving, changed.secret)).status, 200, 'the new secret opens')
      const before = await lookups(serving)
      if (status === 403) {
        for (let i = 0; i < 20; i++) rounds.add((await devices(serving, secret)).status, status)
        rounds.add(await lookups(serving), before, 'and the new record is cached')
      }
    }
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a scope that is given back works with the next request', async (t) => {
  const { other, devices, manage, issue, warm } = await two(t)
  const { key, secret } = await issue('devices:read')
  await warm(t, other, secret)
  await manage('PATCH', `/${key.id}`, { scopes: [] })
  t.equal((await devices(other, secret)).status, 403)
  await manage('PATCH', `/${key.id}`, { scopes: ['devices:read'] })
  await warm(t, other, secret)
})

t.test('a change outlives the process that made it', async (t) => {
  const { one, other, devices, manage, issue, warm } = await two(t)
  const { key, secret } = await issue('devices:read')
  await warm(t, other, secret)
  await manage('POST', `/${key.id}/revoke`, {})
  await one.kill()
  t.equal((await devices(other, secret)).status, 401)
})

t.test('a Redis that has forgotten everything revives no key, and costs each process one query a key', async (t) => {
  const { redis, other, devices, lookups, manage, issue, warm } = await two(t)
  const [revoked, good] = [await issue('devices:read'), await issue('devices:read')]
  await warm(t, other, revoked.secret)
  await warm(t, other, good.secret)
  await manage('POST', `/${revoked.key.id}/revoke`, {})
  await redis.client().flushall()
  t.equal((await devices(other, revoked.secret)).status, 401)
  const before = await lookups(other)
  const rounds = collectRounds()
  for (let i = 0; i < 5; i++) rounds.add((await devices(other, good.secret)).status, 200)
  t.strictSame(rounds.seen, rounds.expected)
  t.equal(await lookups(other), before + 1)

  const again = await issue('devices:read')
  await warm(t, other, again.secret)
  await manage('POST', `/${again.key.id}/revoke`, {})
  await redis.kill()
  await redis.restart()
  for (let i = 0; i < 100 && (await devices(other, again.secret)).status === 503; i++) await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal((await devices(other, again.secret)).status, 401, 'nor does an empty one that replaces it')
})

t.test('under load in four processes, no request that starts after the change has answered succeeds', async (t) => {
  const { environment, one, other, devices, manage, issue, warm } = await two(t)
  const all = [one, other, ...await Promise.all([1, 2].map(() => startProcess(t, environment)))]
  const rounds = collectRounds()
  for (const [what, status, , change] of changes) {
    const { key, secret } = await issue('devices:read', 'devices:write')
    for (const process of all) await warm(t, process, secret)
    const seen: Array<{ readonly began: number, readonly status: number, readonly process: number }> = []
    let changed = Infinity
    /** Requests to each process that were sent after the change. */
    const after = all.map(() => 0)
    /** Ends when a hundred were; 20,000 are too many in any case. */
    const caller = async (process: Process, n: number): Promise<void> => {
      while ((after[n] ?? 0) < 100 && seen.length < 20_000) {
        const began = performance.now()
        if (began > changed) after[n] = (after[n] ?? 0) + 1
        seen.push({ began, status: (await devices(process, secret)).status, process: n })
      }
    }
    const load = Promise.all(all.flatMap((process, n) => [1, 2, 3].map(() => caller(process, n))))
    while (seen.length < 400) await new Promise((resolve) => setTimeout(resolve, 5))
    await change(key.id, manage)
    changed = performance.now()
    await load

    const [earlier, later] = [seen.filter(({ began }) => began <= changed), seen.filter(({ began }) => began > changed)]
    rounds.add(earlier.filter((one) => one.status === 200).length >= 200, true, `${what}: it was in use`)
    rounds.add(new Set(earlier.map((one) => one.status).filter((one) => one !== 200 && one !== status)), new Set(), 'no other status')
    for (const n of all.keys()) rounds.add(later.filter(({ process }) => process === n).length >= 100, true, `${what}: process ${n} was asked on`)
    rounds.add(new Set(later.map((one) => one.status)), new Set([status]), `${what}: zero successes in ${later.length} requests`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
