import t from 'tap'
import { withCompiled } from '../bench/compile.js'
import { speed } from '../bench/contenders.js'
import { Bytes, Done } from '../bench/messages.js'
import { withRedis } from '../bench/redis.js'
import { median, startLoad, startServer } from '../bench/rounds.js'

const ROUNDS = 7
const REQUESTS = 2_000
const CONNECTIONS = 50
/** Bytes a request: on some versions of Node, ioredis leaves a command for each call of many takes. A request that stays takes more. */
const MOST = 300

/**
 * What a request leaves must be gone with the next minor collection. What an old object still points to is kept until a full
 * one, and with it whatever came after, so a slip of one object can keep all of them: real processes, real load.
 */
for (const row of speed.filter(({ name }) => ['latchkey-memory', 'latchkey-redis', 'jwt-cached'].includes(name))) {
  t.test(`requests of ${row.name} leave nothing to a full collection`, async (t) => {
    await withRedis(() => withCompiled(async (folder) => {
      const load = startLoad(folder)
      const { child, listening } = await startServer(folder, row, { threads: false })
      try {
        await load.ask('open', { ...listening, connections: CONNECTIONS }, Done)
        for (let round = 0; round < 3; round++) await load.ask('send', REQUESTS, Done)
        const growths: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          const before = await child.ask('outlived', null, Bytes)
          await load.ask('send', REQUESTS, Done)
          growths.push((await child.ask('outlived', null, Bytes) - before) / REQUESTS)
        }
        t.ok(median(growths) < MOST, `${median(growths).toFixed(1)} bytes a request`)
      } finally {
        await Promise.all([load.stop(), child.stop()])
      }
    }))
  })
}
