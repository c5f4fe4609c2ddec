import t from 'tap'
import { withCompiled } from '../bench/compile.js'
import { speed } from '../bench/contenders.js'
import { Bytes, Done } from '../bench/messages.js'
import { withRedis } from '../bench/redis.js'
import { startLoad, startServer } from '../bench/rounds.js'
import { leastGrowth } from '../helpers/heap.js'

const ROUNDS = 8
const REQUESTS = 2_000
const CONNECTIONS = 50
/** Bytes a request. On some versions of Node, ioredis leaves a command for each call of many takes. */
const MOST = 100
const MOST_BY_REDIS = 300

/**
 * What a request leaves must be gone with the next minor collection. What an old object still points to is kept until a full
 * one, and with it whatever came after, so a slip of one object can keep all of them: real processes, real load. By chance
 * such a chain begins in Node itself; a full collection ends it, so each round begins with one.
 */
for (const row of speed.filter(({ name }) => ['latchkey-memory', 'latchkey-redis', 'jwt-cached'].includes(name))) {
  t.test(`requests of ${row.name} leave nothing to a full collection`, async (t) => {
    await withRedis(() => withCompiled(async (folder) => {
      const load = startLoad(folder)
      const { child, listening } = await startServer(folder, row, { threads: false })
      try {
        await load.ask('open', { ...listening, connections: CONNECTIONS }, Done)
        await load.ask('send', REQUESTS, Done)
        const most = row.redis === true ? MOST_BY_REDIS : MOST
        const grown = await leastGrowth(most, ROUNDS, async () => {
          await child.ask('settle', null, Done)
          await load.ask('send', REQUESTS, Done)
          const before = await child.ask('outlived', null, Bytes)
          await load.ask('send', REQUESTS, Done)
          return Math.abs(await child.ask('outlived', null, Bytes) - before) / REQUESTS // less where so much was left that V8 began a full collection
        })
        t.ok(grown < most, `${grown.toFixed(1)} bytes a request`)
      } finally {
        await Promise.all([load.stop(), child.stop()])
      }
    }))
  })
}
