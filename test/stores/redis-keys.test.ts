import { EventEmitter } from 'node:events'
import { Redis } from 'ioredis'
import t from 'tap'
import type { ApiKey, KeyStore } from 'fastify-latchkey/keys'
import { createRedisKeyStore, type RedisKeyStoreOptions } from 'fastify-latchkey/keys/redis'
import { changed, draft, inserted, newHash, newWorkspace, secret } from '../../lib/testing/key-store-drafts.js'
import { collectRounds, rejection, thrown } from '../helpers/collect.js'
import { untyped } from '../helpers/limits.js'
import { startRedis } from '../helpers/redis-server.js'
import { until } from '../helpers/until.js'

const server = await startRedis(t)
const redis = server.client()
const plain = createRedisKeyStore({ redis })

type Call = (command: string, ...args: string[]) => Promise<unknown>

/** A store on the same Redis whose commands pass through `call`. */
function through (call: (real: Call, ...command: [string, ...string[]]) => Promise<unknown>): KeyStore {
  const client = Object.assign(new EventEmitter(), { status: 'ready', connect: async () => {}, call: (...command: [string, ...string[]]) => call((name, ...args) => redis.call(name, ...args), ...command) })
  return createRedisKeyStore({ redis: client })
}

async function names (part: string): Promise<string[]> {
  return await redis.keys(`*${part}*`)
}

const rotated = (key: ApiKey): ApiKey => changed(key, { secrets: [secret(1), secret(2)] })

t.test('options that do not fit are refused at boot, by name and with the fix', async (t) => {
  const refused: Array<[object, string]> = [
    [{ redis: {} }, 'option redis must be a Redis or a Cluster of ioredis, not an object with nothing in it'],
    [{ redis, namespace: 'a{b}' }, 'option namespace must be 1 to 64 letters, digits and characters of : . _ -, not "a{b}"'],
    [{ redis, timeout: 0 }, 'option timeout must be seconds: a number above 0, at most 3600, not 0'],
    [{ redis, timeout: 3601 }, 'option timeout must be seconds: a number above 0, at most 3600, not 3601'],
    [{ redis, timeout: '1' }, 'option timeout must be seconds: a number above 0, at most 3600, not "1"'],
    [{ redis, deadline: 1 }, 'unknown option deadline; known here: redis, namespace, timeout']
  ]
  const patterns = collectRounds()
  for (const [options, message] of refused) patterns.add(thrown(() => createRedisKeyStore(untyped<RedisKeyStoreOptions>(options))), { name: 'OptionError', message: `fastify-latchkey: ${message}` })
  for (const options of [{ role: 'slave' }, { scaleReads: 'slave' }, { scaleReads: 'all' }]) {
    const client = Object.assign(new EventEmitter(), { status: 'ready', connect: async () => {}, call: async () => null, options })
    patterns.add(thrown(() => createRedisKeyStore({ redis: client })), { name: 'OptionError', message: /option redis reads from replicas/ })
  }
  t.match(patterns.seen, patterns.expected)
  const master = Object.assign(new EventEmitter(), { status: 'ready', connect: async () => {}, call: async () => null, options: { role: 'master', scaleReads: 'master' } })
  t.equal(await createRedisKeyStore({ redis: master }).findByHash('x'), undefined)
})

t.test('a hash opens nothing before its record is written, and a record that was not written leaves nothing', async (t) => {
  const workspace = newWorkspace()
  const [key, hash] = [draft(workspace), newHash()]
  const dies = through(async (real, name, ...args) => {
    if (args[0]?.includes('ZADD')) throw new Error('the process ended here')
    return await real(name, ...args)
  })
  await t.rejects(Promise.resolve(dies.insert(key, hash)), { name: 'StoreError' })
  const [cut, again, foreign, imported] = [draft(workspace), draft(workspace), draft(newWorkspace()), newHash()]
  await t.rejects(Promise.resolve(dies.insertMany?.([{ key: cut, hash: imported }])), { name: 'StoreError' })
  t.same(await plain.insertMany?.([{ key: foreign, hash: imported }]), [{ added: false, existing: undefined }], 'another workspace has begun to add it')
  t.same(await plain.insertMany?.([{ key: again, hash: imported }]), [{ added: true, existing: undefined, id: cut.id }], 'a repeated call ends what one began that was cut off')
  t.same(await plain.insertMany?.([{ key: again, hash: imported }]), [{ added: false, existing: cut.id }])
  t.match(await plain.findByHash(imported), { principal: { id: cut.id, workspace } })
  t.equal((await names(encodeURIComponent(hash))).length, 1, 'a hash without a record')
  t.equal(await plain.findByHash(hash), undefined)
  await plain.insert(key, hash)
  t.equal((await plain.findByHash(hash))?.principal.id, key.id, 'and the same key can be inserted again')

  const second = newHash()
  const late = through(async (real, name, ...args) => {
    if (args[0]?.includes('ZADD')) throw new Error('the process ended here')
    return await real(name, ...args)
  })
  await t.rejects(Promise.resolve(late.update(rotated(key), second)), { name: 'StoreError' })
  const third = newHash()
  t.equal(await plain.update(rotated(key), third), true, 'another process can rotate to the same generation')
  t.strictSame([await plain.findByHash(second), (await plain.findByHash(third))?.generation], [undefined, 2])
})

t.test('an update that comes too late removes its hash', async (t) => {
  const { key } = await inserted(plain, newWorkspace())
  const second = newHash()
  const slow = through(async (real, name, ...args) => {
    if (args[0]?.includes('ZADD')) await plain.update(changed(key, { name: 'first' }))
    return await real(name, ...args)
  })
  t.equal(await slow.update(rotated(key), second), false)
  t.strictSame(await names(encodeURIComponent(second)), [])
  const rival = newHash()
  await t.rejects(Promise.resolve(plain.insert({ ...key, name: 'rival' }, rival)), { name: 'DuplicateError' })
  t.strictSame(await names(encodeURIComponent(rival)), [])
})

t.test('the same update by two calls at once happens once, and its hash stays', async (t) => {
  const [key, hash] = [draft(newWorkspace()), newHash()]
  const slow = (work: () => unknown) => through(async (real, name, ...args) => {
    if (args[0]?.includes('ZADD')) await work()
    return await real(name, ...args)
  })
  await t.rejects(Promise.resolve(slow(() => plain.insert(key, hash)).insert(key, hash)), { name: 'DuplicateError' })
  t.equal((await plain.findByHash(hash))?.generation, 1)
  const second = newHash()
  t.equal(await slow(() => plain.update(rotated(key), second)).update(rotated(key), second), false)
  t.equal((await plain.findByHash(second))?.generation, 2)
})

t.test('a command that the client sends twice has the same answer twice', async (t) => {
  const twice = through(async (real, name, ...args) => {
    if (args[0]?.includes('ZADD')) await real(name, ...args)
    return await real(name, ...args)
  })
  const { key, hash } = await inserted(twice, newWorkspace())
  t.equal(await twice.update(changed(key)), true)
  t.equal((await plain.findByHash(hash))?.principal.version, 2)
})

t.test('the hash of an old secret that cannot be removed opens nothing', async (t) => {
  const { key, hash } = await inserted(plain, newWorkspace())
  const keeps = through(async (real, name, ...args) => {
    if (name === 'del') throw new Error('no')
    return await real(name, ...args)
  })
  t.equal(await keeps.update(changed(key, { secrets: [secret(2)] }), newHash()), true)
  t.strictSame([(await names(encodeURIComponent(hash))).length, await plain.findByHash(hash)], [1, undefined])
})

t.test('lists leave out a record that is gone, and its hash opens nothing', async (t) => {
  const workspace = newWorkspace()
  const [first, gone, last] = [await inserted(plain, workspace), await inserted(plain, workspace), await inserted(plain, workspace)]
  await redis.del(await names(`key:${gone.key.id}`))
  const ids: string[] = []
  for (let after; ;) {
    const { keys, next } = await plain.list(workspace, { limit: 1, after })
    ids.push(...keys.map(({ id }) => id))
    if (next === undefined) break
    after = next
  }
  t.strictSame(ids.sort(), [first.key.id, last.key.id].sort())
  t.equal(await plain.findByHash(gone.hash), undefined)
})

t.test('lone surrogates, which UTF-8 writes alike, stay different', async (t) => {
  const [one, other] = ['w\ud800', 'w\ud801']
  const { key } = await inserted(plain, one)
  t.strictSame([await plain.get(one, key.id), await plain.get(other, key.id), (await plain.list(other, { limit: 1 })).keys], [key, undefined, []])
})

t.test('all names in Redis begin with the namespace', async (t) => {
  const own = createRedisKeyStore({ redis, namespace: 'acme:keys' })
  const { key } = await inserted(own, 'w1', { owner: 'ada' })
  t.equal(await plain.get('w1', key.id), undefined)
  t.strictSame((await redis.keys('acme:keys:*')).map((name) => name.replace(/[^:]{20,}$/, '…')).sort(), ['acme:keys:due', 'acme:keys:hash:…', 'acme:keys:id:…', 'acme:keys:{w1}:key:…', 'acme:keys:{w1}:list', 'acme:keys:{w1}:list:environment:production', 'acme:keys:{w1}:list:owner:ada', 'acme:keys:{w1}:list:owner:ada:environment:production'])
})

t.test('an answer that is no list is an error, not an unknown key', async (t) => {
  const { hash } = await inserted(plain, newWorkspace())
  const odd = through(async (real, name, ...args) => args[0]?.includes('HGETALL') ? 'OK' : await real(name, ...args))
  await t.rejects(Promise.resolve(odd.findByHash(hash)), { name: 'TypeError', message: 'the answer of Redis is not a list' })
})

t.test('a Redis that cannot be reached fails within the time-out, runs nothing later, and is used again when it is back', async (t) => {
  const away = await startRedis(t)
  const client = away.client({ lazyConnect: true, retryStrategy: () => 50 })
  const store = createRedisKeyStore({ redis: client, timeout: 0.3 })
  const { hash, key } = await inserted(store, 'w1')
  t.equal((await store.findByHash(hash))?.principal.id, key.id, 'a lazy client is connected')

  away.freeze()
  await t.rejects(Promise.resolve(store.findByHash(hash)), { name: 'StoreError', message: 'Redis failed: DeadlineExceeded' })
  away.thaw()
  t.equal((await store.findByHash(hash))?.principal.id, key.id)

  await away.kill()
  const fresh = draft('w1')
  const patterns = collectRounds()
  for (let i = 0; i < 3; i++) patterns.add(await rejection(Promise.resolve(store.insert(fresh, newHash()))), { name: 'StoreError' })
  t.match(patterns.seen, patterns.expected)
  await away.restart()
  for (let i = 0; i < 100 && client.status !== 'ready'; i++) await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(await store.get('w1', fresh.id), undefined, 'nothing runs late')
  t.strictSame(await client.keys('*'), [])

  const nobody = new Redis({ port: 1, lazyConnect: true, retryStrategy: () => null })
  nobody.on('error', () => {})
  await t.rejects(Promise.resolve(createRedisKeyStore({ redis: nobody, timeout: 0.3 }).findByHash(hash)), { name: 'StoreError', code: 'ECONNREFUSED' })
  await t.rejects(Promise.resolve(createRedisKeyStore({ redis: nobody, timeout: 0.1 }).findByHash(hash)), { name: 'StoreError', message: 'Redis failed: DeadlineExceeded' }, 'a client that has given up')
  t.equal(nobody.listenerCount('ready'), 0, 'no listener stays')
})

t.test('a Redis that hangs gets at most 10,000 commands, further ones fail at once, and all work when it goes on', async (t) => {
  const hangs = await startRedis(t)
  const client = hangs.client()
  const store = createRedisKeyStore({ redis: client, timeout: 0.5 })
  const { hash, key } = await inserted(store, 'w1')
  hangs.freeze()
  const faults = new Map<string, number>()
  await Promise.all(Array.from({ length: 10_500 }, async () => {
    await Promise.resolve(store.findByHash(hash)).catch(({ message }: Error) => faults.set(message, (faults.get(message) ?? 0) + 1))
  }))
  t.strictSame(Object.fromEntries(faults), { 'Redis failed: DeadlineExceeded': 10_000, 'Redis failed: TooManyCommands LATCHKEY_ERR_TOO_MANY_COMMANDS': 500 })
  await t.rejects(Promise.resolve(store.findByHash(hash)), { code: 'LATCHKEY_ERR_TOO_MANY_COMMANDS' })
  hangs.thaw()
  await until(async () => await Promise.resolve(store.findByHash(hash)).then((found) => found?.principal.id === key.id, () => false))
  t.equal((await store.findByHash(hash))?.principal.id, key.id)
})

t.test('a master that was demoted answers nothing, neither for its keys nor for unknown ones', async (t) => {
  const [old, successor] = [await startRedis(t), await startRedis(t)]
  const client = old.client()
  const store = createRedisKeyStore({ redis: client })
  const { key, hash } = await inserted(store, 'w1', { owner: 'ada' })
  t.equal((await store.findByHash(hash))?.principal.id, key.id)
  await client.replicaof('127.0.0.1', successor.port)
  const questions = { hash: () => store.findByHash(hash), unknown: () => store.findByHash('unknown'), get: () => store.get('w1', key.id), list: () => store.list('w1', { limit: 1 }), nothing: () => store.list('w2', { limit: 1 }), update: () => store.update(changed(key)) }
  const patterns = collectRounds()
  for (const [what, ask] of Object.entries(questions)) patterns.add(await rejection(async () => await ask()), { name: 'StoreError', message: 'Redis failed: ReplyError' }, what)
  t.match(patterns.seen, patterns.expected)
  await client.replicaof('NO', 'ONE')
  t.equal(await store.findByHash('unknown'), undefined)
})

t.test('a master without the replicas that it needs answers nothing', async (t) => {
  const alone = await startRedis(t)
  const client = alone.client()
  const store = createRedisKeyStore({ redis: client })
  const { key, hash } = await inserted(store, 'w1')
  await client.config('SET', 'min-replicas-to-write', '1')
  await t.rejects(async () => await store.findByHash(hash), { name: 'StoreError', message: 'Redis failed: ReplyError' })
  await client.config('SET', 'min-replicas-to-write', '0')
  t.equal((await store.findByHash(hash))?.principal.id, key.id)
})

t.test('a page of a list reads what it shows, whatever it is filtered by', async (t) => {
  const workspace = newWorkspace()
  for (let i = 0; i < 200; i++) await inserted(plain, workspace, { owner: 'ada', environment: i % 100 === 0 ? 'sandbox' : 'production' })
  let read = 0
  const counted = through(async (real, name, ...args) => {
    if (args[0]?.includes('HGETALL')) read++
    return await real(name, ...args)
  })
  const rounds = collectRounds()
  for (const filter of [{}, { owner: 'ada' }, { environment: 'sandbox' }, { owner: 'ada', environment: 'sandbox' }, { owner: 'ada', environment: 'production' }]) {
    read = 0
    rounds.add((await counted.list(workspace, { limit: 2, ...filter })).keys.length, 2)
    rounds.add(read <= 3, true, `${JSON.stringify(filter)}: ${read} records`)
  }
  t.strictSame(rounds.seen, rounds.expected)
})
