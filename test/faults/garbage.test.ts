import { Agent, get } from 'node:http'
import t from 'tap'
import { withCompiled } from '../bench/compile.js'
import { speed, type Row } from '../bench/contenders.js'
import { Bytes, Done, type Listening } from '../bench/messages.js'
import { withRedis } from '../bench/redis.js'
import { startServer } from '../bench/rounds.js'
import { leastGrowth } from '../helpers/heap.js'

const PROCESSES = 5
const ROUNDS = 4
const REQUESTS = 2_000
const CONNECTIONS = 50
/** Bytes a request. On some versions of Node, ioredis leaves a command for each call of many takes. */
const MOST = 100
const MOST_BY_REDIS = 300

/**
 * What a request leaves must be gone with the next minor collection. What an old object still points to is kept until a full
 * one, and with it whatever came after, so a slip of one object can keep all of them: real processes, real load. By chance
 * such a chain begins in Node itself, in some processes again and again: what is ours is there in all of them.
 */
for (const row of speed.filter(({ name }) => ['latchkey-memory', 'latchkey-redis', 'jwt-cached'].includes(name))) {
  t.test(`requests of ${row.name} leave nothing to a full collection`, async (t) => {
    const most = row.redis === true ? MOST_BY_REDIS : MOST
    const grown = await withRedis(() => withCompiled((folder) => leastGrowth(most, PROCESSES, () => grownIn(folder, row, most))))
    t.ok(grown < most, `${grown.toFixed(1)} bytes a request`)
  })
}

/** Bytes a request, of a new process. */
async function grownIn (folder: string, row: Row, most: number): Promise<number> {
  const { child, listening } = await startServer(folder, row, { threads: false })
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  try {
    await send(listening, agent)
    return await leastGrowth(most, ROUNDS, async () => {
      await child.ask('settle', null, Done)
      await send(listening, agent)
      const before = await child.ask('outlived', null, Bytes)
      await send(listening, agent)
      return Math.abs(await child.ask('outlived', null, Bytes) - before) / REQUESTS // less where so much was left that V8 began a full collection
    })
  } finally {
    agent.destroy()
    await child.stop()
  }
}

/** Over connections that stay, with one request on its way each. */
async function send ({ port, paths: [path], keys }: Listening, agent: Agent): Promise<void> {
  await Promise.all(Array.from({ length: REQUESTS }, (_, n) => new Promise<void>((resolve, reject) => {
    get({ agent, port, path, headers: { authorization: `Bearer ${keys[n % keys.length]}` } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${response.statusCode} from a server that is asked by its own keys`))
      response.resume().once('end', resolve)
    }).once('error', reject)
  })))
}
