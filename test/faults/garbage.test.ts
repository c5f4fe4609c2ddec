import { Agent, get } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { start } from '../helpers/child.js'
import { withEnding } from '../helpers/ending.js'
import { leastGrowth } from '../helpers/heap.js'
import { startRedis } from '../helpers/redis-server.js'

const PROCESSES = 8
const ROUNDS = 4
const REQUESTS = 2_000
const CONNECTIONS = 50
/** Most bytes a request may leave. On some versions of Node, ioredis leaves a command for each call of many takes. */
const ROWS = { 'latchkey-memory': 200, 'latchkey-redis': 300, tokens: 200 }

/**
 * What a request leaves must be gone with the next minor collection. What an old object still points to is kept until a full
 * one, and with it whatever came after, so a slip of one object can keep all of them: real processes, real load. By chance
 * such a chain begins in Node itself, in some processes again and again: what is ours is there in all of them.
 */
for (const [row, most] of Object.entries(ROWS)) {
  t.test(`requests of ${row} leave nothing to a full collection`, async (t) => {
    const { port } = await startRedis(t)
    const grown = await leastGrowth(most, PROCESSES, () => grownIn({ ROW: row, REDIS_PORT: String(port) }, most))
    t.ok(grown < most, `${grown.toFixed(1)} bytes a request`)
  })
}

/** Bytes a request, of a new process. One thread of V8, so that collections come at the same points of every run. */
async function grownIn (environment: NodeJS.ProcessEnv, most: number): Promise<number> {
  return withEnding(async (ending) => {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
    ending.teardown(() => agent.destroy())
    const child = start([
      process.execPath, '--single-threaded', '--expose-gc', '--compact-on-every-full-gc',
      fileURLToPath(new URL('../helpers/garbage-server.js', import.meta.url))
    ], undefined, { ...environment, NODE_ENV: 'production' })
    child.stderr.pipe(process.stderr)
    ending.teardown(() => child.kill())
    const { value } = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
    const { url, keys, weigher } = JSON.parse(value)
    const outlived = async (path: string): Promise<number> => Number(await (await fetch(weigher + path)).text())

    await send(url, keys, agent)
    return await leastGrowth(most, ROUNDS, async () => {
      await outlived('/settled')
      await send(url, keys, agent)
      const before = await outlived('/outlived')
      await send(url, keys, agent)
      return Math.abs(await outlived('/outlived') - before) / REQUESTS // less where so much was left that V8 began a full collection
    })
  })
}

/** Over connections that stay, with one request on its way each. */
async function send (url: string, keys: readonly string[], agent: Agent): Promise<void> {
  await Promise.all(Array.from({ length: REQUESTS }, (_, n) => new Promise<void>((resolve, reject) => {
    get(url, { agent, headers: { authorization: `Bearer ${keys[n % keys.length]}` } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${response.statusCode} from a server that is asked by its own keys`))
      response.resume().once('end', resolve)
    }).once('error', reject)
  })))
}
