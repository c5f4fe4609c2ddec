import { setTimeout as pause } from 'node:timers/promises'
import { createMemoryLimitStore, type LimitStore } from 'fastify-latchkey/limits'
import { createProcessChanges, createRecordCache, type KeysOptions } from 'fastify-latchkey/keys'
import t, { type Test } from 'tap'
import { createVersionMarkers } from '../../lib/keys/verification/version-markers.js'
import { collectRounds } from '../helpers/collect.js'
import { guarded, untyped } from '../helpers/limits.js'
import { keyring } from '../helpers/keyring.js'
import { gate, record, slowStore } from '../helpers/slow-keys.js'
import { until } from '../helpers/until.js'

const input = { workspace: 'w1', scopes: [] }

/** Keys behind a cache whose records are used for so many seconds. */
function cached (maxAge: number): Partial<KeysOptions> {
  return { store: slowStore(), cache: { maxAge } }
}

t.test('every change publishes its version before the caller is answered', async (t) => {
  const published: Array<[string, number]> = []
  const { keys } = keyring(t, {}, { publishVersion: async ({ id }, version) => { published.push([id, version]) } })
  const { key } = await keys.issue(input)
  const { id } = key
  t.same(published, [], 'no process can have a new key in its cache')
  t.equal((await keys.update('w1', id, { name: 'n' })).effectiveWithin, 0)
  t.equal((await keys.rotate('w1', id, { grace: 5, graceFrom: 'first-use' })).effectiveWithin, 0)
  await keys.beginGrace('w1', id, 3)
  await keys.beginGrace('w1', id, 2)
  t.equal((await keys.expire('w1', id)).effectiveWithin, 0)
  t.equal((await keys.revoke('w1', id)).effectiveWithin, 0)
  t.equal((await keys.revoke('w1', id)).effectiveWithin, 0)
  t.same(published, [[id, 2], [id, 3], [id, 3], [id, 4], [id, 5], [id, 6], [id, 6]], 'again where an earlier attempt may have failed')
})

t.test('where it can\'t be published, the change stands, the answer says by when it is effective, and the write is retried', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const fail of [() => Promise.reject(new Error('SET secret')), () => { throw new Error('SET secret') }, () => new Promise<never>(() => {})]) {
    let tried = 0
    const publishVersion = async (): Promise<void> => {
      tried++
      if (tried < 3) await fail()
    }
    const { keys, logged, opens } = keyring(t, cached(60), { deadline: 0.05, publishVersion })
    const { key, secret } = await keys.issue(input)
    patterns.add(await keys.revoke('w1', key.id), { effectiveWithin: 60, key: { version: 2 } })
    rounds.add(await opens(secret), 'The API key was revoked.')
    await until(() => tried >= 3)
    rounds.add((await keys.revoke('w1', key.id)).effectiveWithin, 0)
    rounds.add(tried, 4)
    rounds.add(logged.length, 1, 'logged once')
    patterns.add(logged[0], /^the version of key key_[\w-]+ could not be published; it is effective within 60 s: (Error|DeadlineExceeded)$/)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a cache that the host has put in front of its store counts like ours', async (t) => {
  const store = createRecordCache(slowStore(), { maxAge: 20, changes: createProcessChanges() })
  const { keys } = keyring(t, { store }, { publishVersion: () => Promise.reject(new Error('down')) })
  t.equal((await keys.revoke('w1', (await keys.issue(input)).key.id)).effectiveWithin, 20)
})

t.test('without markers a change is effective once caches have expired, and without a cache at once', async (t) => {
  const changes = createProcessChanges()
  const caching = keyring(t, { store: slowStore(), cache: { maxAge: 30, changes } })
  t.equal((await caching.keys.revoke('w1', (await caching.keys.issue(input)).key.id)).effectiveWithin, 30)
  const plain = keyring(t)
  t.equal((await plain.keys.revoke('w1', (await plain.keys.issue(input)).key.id)).effectiveWithin, 0)
})

t.test('closing ends the retries', async (t) => {
  let tried = 0
  const { keys, close } = keyring(t, {}, { publishVersion: async () => { tried++; throw new Error('down') } })
  const { key } = await keys.issue(input)
  await keys.revoke('w1', key.id)
  await close()
  await keys.revoke('w1', key.id)
  await pause(250)
  t.equal(tried, 2)
})

/** Timers fire at once, and their pauses are collected. */
function hurry (t: Test): number[] {
  const real = globalThis.setTimeout
  t.teardown(() => { globalThis.setTimeout = real })
  const pauses: number[] = []
  globalThis.setTimeout = untyped((work: () => void, delay: number) => {
    if (delay !== 1000) pauses.push(delay)
    return real(work, delay === 1000 ? delay : 0)
  })
  return pauses
}
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

t.test('retries go on until no cache can have the key as it was, with pauses that stop growing', async (t) => {
  const rounds = collectRounds()
  for (const [options, seconds] of [[cached(3600), 3600], [cached(60), 60], [{}, 30]] as const) {
    const pauses = hurry(t)
    let tried = 0
    const { keys, logged, close } = keyring(t, options, { publishVersion: async () => { tried++; throw new Error('down') } })
    const { key } = await keys.issue(input)
    await keys.revoke('w1', key.id)
    await until(() => sum(pauses) >= seconds * 1000)
    const all = pauses.length
    await until(() => tried >= all + 1)
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    rounds.add([pauses.length, tried], [all, all + 1], 'and then end by themselves')
    rounds.add(pauses.slice(0, 8), [100, 200, 400, 800, 1600, 3200, 5000, 5000])
    rounds.add(sum(pauses) < (seconds + 5) * 1000, true)
    rounds.add(logged.length, 1)
    await close()
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('of one key only the latest version is retried, until it succeeds', async (t) => {
  const tried: number[] = []
  let down = true
  const late = gate()
  const { keys } = keyring(t, {}, {
    async publishVersion (_key, version) {
      tried.push(version)
      if (version === 2 && tried.length > 1) await late.opened
      if (down) throw new Error('down')
    }
  })
  const { key } = await keys.issue(input)
  await keys.update('w1', key.id, { name: 'a' })
  await until(() => tried.length >= 2)
  await keys.revoke('w1', key.id)
  await keys.revoke('w1', key.id)
  t.same(tried, [2, 2, 3, 3])
  late.open()
  await until(() => tried.length >= 6)
  down = false
  await until(() => tried.length >= 7)
  await pause(20)
  t.same(tried, [2, 2, 3, 3, 3, 3, 3])
})

t.test('a retry publishes the version that the key has meanwhile: an older marker would make a revoked key valid again', async (t) => {
  const tried: number[] = []
  let down = true
  const ours = keyring(t, {}, {
    async publishVersion (_key, version) {
      tried.push(version)
      if (down) throw new Error('down')
    }
  })
  const theirs = keyring(t, { store: ours.store })
  const { key } = await ours.keys.issue(input)
  await ours.keys.update('w1', key.id, { name: 'a' })
  await theirs.keys.revoke('w1', key.id)
  down = false
  await until(() => tried.length >= 2)
  t.same(tried, [2, 3])
})

t.test('… and publishes nothing while the key store can\'t say', async (t) => {
  const tried: number[] = []
  const markers = createVersionMarkers({
    async publishVersion (_key, version) {
      tried.push(version)
      if (tried.length === 1) throw new Error('down')
    },
    versionOf: async () => { if (++asked < 3) throw new Error('down'); return undefined },
    maxAge: 60,
    deadline: 1,
    log: () => {}
  })
  let asked = 0
  t.teardown(markers.close)
  t.equal(await markers.publish(record({ version: 4 })), 60)
  await until(() => tried.length >= 2)
  t.same([tried, asked], [[4, 4], 3], 'of a key that is gone, the version that it had')
})

t.test('a bounded number of keys is retried; changes of more are effective once caches have expired', async (t) => {
  const tried = new Set<string>()
  const again = new Set<string>()
  const markers = createVersionMarkers({
    async publishVersion ({ id }) {
      if (tried.has(id)) again.add(id)
      tried.add(id)
      throw untyped<Error>(undefined)
    },
    versionOf: async () => undefined,
    maxAge: 60,
    deadline: 1,
    log: () => {}
  })
  t.teardown(markers.close)
  const bounds = new Set<number>()
  for (let i = 0; i < 10_050; i++) bounds.add(await markers.publish(record({ id: `key_${i}` })))
  t.same([...bounds], [60])
  await until(() => again.size >= 10_000)
  await pause(200)
  t.equal(again.size, 10_000)
})

t.test('an app publishes to its limits store, and stops when it closes', async (t) => {
  const published: unknown[] = []
  const store: LimitStore & { published: unknown[] } = {
    ...createMemoryLimitStore(),
    published,
    async publishVersion ({ id }, version) { this.published.push([id, version]) }
  }
  const { app } = await guarded(t, { keys: { prefix: 'acme' }, limits: { store } })
  const { key } = await app.latchkey.keys.issue(input)
  t.match(await app.latchkey.keys.revoke('w1', key.id), { effectiveWithin: 0 })
  t.same(published, [[key.id, 2]])
  await app.close()

  const broken: LimitStore = { ...createMemoryLimitStore(), publishVersion: () => Promise.reject(new Error('down')) }
  const second = await guarded(t, { keys: { prefix: 'acme' }, limits: { store: broken } })
  await second.app.latchkey.keys.revoke('w1', (await second.app.latchkey.keys.issue(input)).key.id)
  await second.app.close()

  const patterns = collectRounds()
  for (const limits of [false, undefined, { store: createMemoryLimitStore() }] as const) {
    const plain = await guarded(t, { keys: { prefix: 'acme' }, limits })
    patterns.add(await plain.app.latchkey.keys.revoke('w1', (await plain.app.latchkey.keys.issue(input)).key.id), { effectiveWithin: 0 })
  }
  t.match(patterns.seen, patterns.expected)
})
