import fc, { type Scheduler } from 'fast-check'
import { createKeys, type KeyStore } from 'fastify-latchkey/keys'
import { InvalidCredential, type Resolver } from 'fastify-latchkey/auth'
import t from 'tap'
import { keyStore } from '../helpers/key-store.js'
import { lookup } from '../helpers/lookup.js'
import '../helpers/seed.js'

/** A store of memory whose calls arrive, and whose answers come back, in any order. */
function racing (scheduler: Scheduler): { raced: KeyStore, memory: KeyStore } {
  const memory = keyStore()
  const slow = <A extends unknown[], T>(name: string, work: (...given: A) => T | Promise<T>) => async (...given: A): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), `${name} arrives`)
    const answer = await work(...given)
    await scheduler.schedule(Promise.resolve(), `${name} is answered`)
    return answer
  }
  const raced = keyStore({
    ...memory,
    get: slow('get', memory.get),
    update: slow('update', memory.update),
    findByHash: slow('findByHash', memory.findByHash),
    recordUse: slow('recordUse', memory.recordUse)
  })
  return { raced, memory }
}

async function start (scheduler: Scheduler) {
  const { raced, memory } = racing(scheduler)
  const host = { clock: () => 1_000_000, scopes: ['devices:read', 'devices:write'], deadline: 60 }
  const { keys, resolver } = createKeys({ prefix: 'acme', store: raced }, host)
  const settled = createKeys({ prefix: 'acme', store: memory }, host)
  const { key, secret } = await keys.issue({ workspace: 'w1', scopes: ['devices:read'] })

  async function race<T> (...works: ReadonlyArray<Promise<T>>): Promise<Array<PromiseSettledResult<T>>> {
    const results = Promise.allSettled(works)
    await scheduler.waitFor(results)
    return await results
  }
  return { id: key.id, secret, keys, resolver, store: raced, race, read: () => settled.keys.get('w1', key.id), opens: (text: string) => opens(settled.resolver, text) }
}

async function opens (resolver: Resolver, secret: string): Promise<boolean> {
  try {
    return await resolver.resolve(secret, 1_000_000, fresh) !== undefined
  } catch (fault) {
    if (fault instanceof InvalidCredential) return false
    throw fault
  }
}

function property (name: string, holds: (life: Awaited<ReturnType<typeof start>>) => Promise<boolean>): void {
  t.test(name, async (t) => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), async (scheduler) => await holds(await start(scheduler))), { numRuns: 300 })
    t.pass()
  })
}

const fresh = lookup({ fresh: true, clock: () => 1_000_000 })
const isConflict = ({ status, ...rest }: PromiseSettledResult<unknown>): boolean => status === 'rejected' && 'reason' in rest && rest.reason?.code === 'KEY_CONFLICT'

property('of two rotations of one version, one succeeds and one is a conflict', async ({ id, secret, keys, race, read, opens }) => {
  const results = await race(keys.rotate('w1', id, { version: 1 }), keys.rotate('w1', id, { version: 1 }))
  const [one, ...more] = results.flatMap((result) => result.status === 'fulfilled' ? [result.value.secret] : [])
  const { version, secrets } = await read()
  return one !== undefined && more.length === 0 && results.filter(isConflict).length === 1 &&
    version === 2 && secrets.length === 2 && await opens(one) && !await opens(secret)
})

property('of two rotations without a version, those that succeed do so one after the other, and one secret opens', async ({ id, secret, keys, race, read, opens }) => {
  const results = await race(keys.rotate('w1', id), keys.rotate('w1', id))
  const texts = results.flatMap((result) => result.status === 'fulfilled' ? [result.value.secret] : [])
  const good = await Promise.all([secret, ...texts].map(opens))
  const { version, secrets } = await read()
  return texts.length > 0 && results.filter(isConflict).length === 2 - texts.length &&
    version === 1 + texts.length && secrets.length === 1 + texts.length && good.filter(Boolean).length === 1 && good[0] === false
})

property('a revocation wins over a rotation, whichever came first', async ({ id, secret, keys, race, read, opens }) => {
  const [rotated, revoked] = await race<{ readonly key: unknown, readonly secret?: string }>(keys.rotate('w1', id, { grace: 60 }), keys.revoke('w1', id))
  if (rotated === undefined || revoked?.status !== 'fulfilled') return false
  if (rotated.status === 'rejected') return isConflict(rotated) && (await read()).revokedAt !== undefined && !await opens(secret)
  return (await read()).revokedAt !== undefined && !await opens(secret) && !await opens(rotated.value.secret ?? '')
})

property('and over an update', async ({ id, secret, keys, race, read, opens }) => {
  const [updated, revoked] = await race(keys.update('w1', id, { name: 'n', expiresAt: null }), keys.revoke('w1', id))
  const { revokedAt, name } = await read()
  return revoked?.status === 'fulfilled' && revokedAt !== undefined && !await opens(secret) &&
    (updated?.status === 'fulfilled' ? name === 'n' : name === undefined)
})

property('two updates of different fields are both kept', async ({ id, keys, race, read }) => {
  const results = await race(keys.update('w1', id, { name: 'n' }), keys.update('w1', id, { scopes: ['devices:write'] }))
  const { name, scopes, version } = await read()
  return results.every(({ status }) => status === 'fulfilled') && name === 'n' && scopes[0] === 'devices:write' && version === 3
})

property('a verification in flight sees the key before a change or after it, and writes neither back', async ({ id, secret, keys, resolver, store, race, read }) => {
  const used = new Date(999_000)
  const verified = async () => [(await resolver.resolve(secret, 1_000_000, fresh))?.scopes[0]]
  const [seen, updated] = await race<unknown>(verified(), keys.update('w1', id, { scopes: ['devices:write'] }), (async () => await store.recordUse([{ workspace: 'w1', id, lastUsedAt: used, scopesUsedAt: { 'devices:read': used } }]))())
  const { scopes, version, lastUsedAt } = await read()
  const now = (await verifiedAfter(resolver, secret, race))
  return seen?.status === 'fulfilled' && ['devices:read', 'devices:write'].includes(String(seen.value)) && updated?.status === 'fulfilled' &&
    scopes[0] === 'devices:write' && version === 2 && lastUsedAt?.getTime() === 999_000 && now === 'devices:write'
})

async function verifiedAfter (resolver: Resolver, secret: string, race: (work: Promise<unknown>) => Promise<Array<PromiseSettledResult<unknown>>>): Promise<unknown> {
  const [after] = await race((async () => (await resolver.resolve(secret, 1_000_000, fresh))?.scopes[0])())
  return after?.status === 'fulfilled' ? after.value : undefined
}

property('the first uses of a new secret start one grace period', async ({ id, keys, race, read }) => {
  await race(keys.rotate('w1', id, { grace: 60, graceFrom: 'first-use' }))
  const results = await race<unknown>(keys.beginGrace('w1', id, 2), keys.beginGrace('w1', id, 2), keys.update('w1', id, { name: 'n' }))
  const { version, secrets, name } = await read()
  return results.every(({ status }) => status === 'fulfilled') && version === 4 && name === 'n' && secrets[0]?.retiresAt?.getTime() === 1_060_000
})
