import { Redis } from 'ioredis'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { OptionError } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds } from '../helpers/collect.js'
import { untyped } from '../helpers/limits.js'

const SECRET = 'hunter2'
const url = `redis://user:${SECRET}@127.0.0.1:1`

/** What is said of options that can't be; fails where they can. */
function fault (options: object): string {
  try {
    createRedisLimitStore(untyped(options)).close()
  } catch (error) {
    if (error instanceof OptionError) return error.message
    throw error
  }
  return 'nothing'
}

t.test('options that can\'t be are refused with the option and the fix', async (t) => {
  const redis = new Redis({ lazyConnect: true })
  t.match(fault({}), 'option limits.store.redis is missing; give a client of ioredis, or url or connection for one of the store\'s own')
  const patterns = collectRounds()
  for (const other of [{ url }, { connection: {} }]) patterns.add(fault({ redis, ...other }), 'options limits.store.redis and url or connection are alternatives')
  t.match(fault({ redis: {} }), 'option limits.store.redis must be a client of ioredis, not an object with nothing in it')
  t.match(fault({ redis: 'x' }), 'option limits.store.redis must be a client of ioredis')
  t.match(fault({ url: 6379 }), 'option limits.store.url must be a text: redis://host:port/database, or rediss:// for TLS')
  t.match(fault({ connection: 6379 }), 'option limits.store.connection must be an object of ioredis\' options')
  for (const namespace of ['', 'a{b', 'a b', 'x'.repeat(65)]) patterns.add(fault({ url, namespace }), 'option limits.store.namespace must be 1 to 64 letters')
  for (const deadline of [0, -1, 61, '1']) patterns.add(fault({ url, deadline }), 'option limits.store.deadline must be seconds from 0.001 to 60')
  t.match(patterns.seen, patterns.expected)
  t.match(fault({ url, onUnavailable: 'ignore' }), 'option limits.store.onUnavailable must be \'reject\', \'local\' or \'allow\'')
  t.match(fault({ url, onUnavailable: 'local' }), 'option limits.store.processes is missing; with onUnavailable: \'local\' each process enforces quota / processes')
  t.match(fault({ url, processes: 2 }), 'option limits.store.processes is for onUnavailable: \'local\'')
  t.match(fault({ url, onUnavailable: 'local', processes: 0 }), 'option limits.store.processes must be a whole number from 1')
  t.match(fault({ url, markerLifetime: 0 }), 'option limits.store.markerLifetime must be whole seconds')
  t.match(fault({ url, log: {} }), 'option limits.store.log must be a logger')
  t.match(fault({ url, clockOfTakes: 1 }), 'option limits.store.clockOfTakes must be true or false')
  t.match(fault({ url, uri: url }), 'unknown option limits.store.uri; known here: redis, url, connection')
})

t.test('no message shows a URL', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const wrong of [`http://${SECRET}@host`, `${SECRET}@host:1`, `mysql://x:${SECRET}@host`]) {
    const said = fault({ url: wrong })
    patterns.add(said, 'option limits.store url must be redis://host:port/database, or rediss:// for TLS')
    rounds.add(String(said).includes(SECRET), false)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
  t.notMatch(fault({ url, uri: url }), SECRET)
})
