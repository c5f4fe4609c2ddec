import { Socket } from 'node:net'
import { OptionError } from 'fastify-latchkey'
import { AbstractConnector, Redis } from 'ioredis'
import t from 'tap'
import { collectRounds, rejection } from '../helpers/collect.js'
import { freePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis-server.js'
import { startProxy } from '../helpers/proxy.js'
import { redisStore } from '../helpers/redis-store.js'
import { selfSigned } from '../helpers/tls.js'

t.test('a Redis that does what is needed says nothing', async (t) => {
  const server = await startRedis(t)
  const store = redisStore(t, { url: server.url })
  await store.ready()
  await store.ready()
  t.same(store.log.lines, [])
  t.ok(await server.client().pttl('latchkey:{!check}') <= 1000, 'and keeps nothing of the check for long')
})

t.test('an account without the rights is refused with the commands to grant; with them it passes', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  const url = `redis://app:hunter2@127.0.0.1:${server.port}`
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>hunter2', '~latchkey:*', '+ping', '+info', '+hello', '+client')
  const said = await redisStore(t, { url }).ready().then(() => 'nothing', (fault) => fault)
  t.ok(said instanceof OptionError)
  const [, grants = ''] = /grant it (.*) on (~latchkey:\*)$/.exec(said.message) ?? []
  t.equal(grants, '+eval +evalsha +time +get +set +setrange +pttl +del')
  t.notMatch(said.message, 'hunter2')

  await admin.call('ACL', 'SETUSER', 'app', '+eval', '+evalsha')
  await t.rejects(redisStore(t, { url }).ready(), { message: said.message }, 'a script that may run and may not do')
  const patterns = collectRounds()
  for (const one of grants.split(' ')) {
    await admin.call('ACL', 'SETUSER', 'app', ...grants.split(' '), one.replace('+', '-'))
    patterns.add(await rejection(redisStore(t, { url }).ready()), { message: said.message }, `all but ${one}`)
  }
  t.match(patterns.seen, patterns.expected)
  await admin.call('ACL', 'SETUSER', 'app', ...grants.split(' '))
  const store = redisStore(t, { url })
  await store.ready()
  t.same(store.log.lines, [])
  await t.rejects(redisStore(t, { url, namespace: 'other' }).ready(), { message: /on ~other:\*$/ }, 'keys of another namespace')
})

t.test('wrong credentials are refused at boot, without them in the message', async (t) => {
  const server = await startRedis(t, ['--requirepass', 'right'])
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const url of [`redis://:hunter2@127.0.0.1:${server.port}`, `redis://127.0.0.1:${server.port}`]) {
    const said = await redisStore(t, { url }).ready().then(() => 'nothing', String)
    patterns.add(said, /OptionError: fastify-latchkey: option limits\.store: Redis wants other credentials than these \((WRONGPASS|NOAUTH)\); give username and password/)
    rounds.add(String(said).includes('hunter2'), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  const store = redisStore(t, { url: `redis://:right@127.0.0.1:${server.port}` })
  await store.ready()
  t.same(store.log.lines, [])
})

t.test('rediss:// speaks TLS, and a certificate of no known authority is a line, not a boot error', async (t) => {
  const { key, cert } = selfSigned()
  const folder = t.testdir({ 'key.pem': key, 'cert.pem': cert })
  const port = await freePort()
  await startRedis(t, ['--tls-port', String(port), '--tls-key-file', `${folder}/key.pem`, '--tls-cert-file', `${folder}/cert.pem`, '--tls-auth-clients', 'no'])
  const store = redisStore(t, { url: `rediss://localhost:${port}`, connection: { tls: { ca: cert } } })
  await store.ready()
  t.same(store.log.lines, [])
  const wary = redisStore(t, { url: `rediss://:hunter2@localhost:${port}` })
  await wary.ready()
  t.match(wary.log.lines, [{ message: 'limits: Redis can\'t be reached yet', fields: { reason: 'Error DEPTH_ZERO_SELF_SIGNED_CERT' } }])
})

t.test('a Redis that may evict counters is advised against', async (t) => {
  const server = await startRedis(t, ['--maxmemory-policy', 'allkeys-lru'])
  const store = redisStore(t, { url: server.url })
  await store.ready()
  t.same(store.log.lines, [{ level: 'warn', message: 'limits: Redis may evict counters; set maxmemory-policy noeviction', fields: { maxmemoryPolicy: 'allkeys-lru' } }])
  const admin = server.client()
  await admin.call('ACL', 'SETUSER', 'app', 'on', 'nopass', '~*', '+@all', '-info')
  const redis = new Redis({ port: server.port, host: '127.0.0.1', username: 'app', password: 'x', enableReadyCheck: false })
  t.teardown(() => redis.disconnect())
  const blind = redisStore(t, { redis })
  await blind.ready()
  t.same(blind.log.lines, [], 'nothing where it can\'t be asked')
})

t.test('a Redis that can\'t be reached is no boot error: a line, and it is used once it can', async (t) => {
  const store = redisStore(t, { url: `redis://:hunter2@127.0.0.1:${await freePort()}` })
  await store.ready()
  t.match(store.log.lines, [{ level: 'warn', message: 'limits: Redis can\'t be reached yet', fields: { reason: /^(Error ECONNREFUSED|AggregateError ECONNREFUSED)$/, onUnavailable: 'reject' } }])
  const redis = new Redis({ port: await freePort(), host: '127.0.0.1', lazyConnect: true })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  const given = redisStore(t, { redis })
  await given.ready()
  t.match(given.log.lines, [{ level: 'warn', fields: { reason: 'DeadlineExceeded' } }])
})

t.test('a check that fails for a reason that may pass is a line', async (t) => {
  const server = await startRedis(t)
  const admin = server.client()
  await admin.replicaof('127.0.0.1', 1)
  const store = redisStore(t, { url: server.url })
  await store.ready()
  t.match(store.log.lines, [{ level: 'warn', message: 'limits: Redis failed a check at boot' }])
})

t.test('a connection that ends while it is made leaves no trace', async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const redis = new Redis({ port: proxy.port, host: '127.0.0.1', retryStrategy: () => 20 })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  await redis.ping()
  proxy.manner = 'slow'
  const store = redisStore(t, { redis, deadline: 2 })
  proxy.manner = 'refuse'
  await new Promise((resolve) => redis.once('close', resolve))
  proxy.manner = 'pass'
  await store.ready()
  t.same(store.log.lines, [])
})

t.test('a client of its own that can\'t be made stops the boot with why, and closing it does no harm', async (t) => {
  class Connector extends AbstractConnector {
    constructor () {
      super(0)
      throw new RangeError('no way there')
    }

    async connect () { return new Socket() }
  }
  const store = redisStore(t, { connection: { Connector } })
  await t.rejects(store.ready(), { name: 'RangeError', message: 'no way there' })
  store.close()
})
