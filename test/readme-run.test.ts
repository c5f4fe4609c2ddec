import { pathToFileURL } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { latchkey, type LatchkeyOptions } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds, rejection } from './helpers/collect.js'
import { startPostgres } from './helpers/postgres.js'
import { options } from './helpers/readme-given.js'
import { writeModules } from './helpers/readme-modules.js'
import { startRedis } from './helpers/redis-server.js'

/** What the module of a block exports. */
interface Made {
  readonly app?: FastifyInstance
  readonly alternatives?: ReadonlyArray<Partial<LatchkeyOptions>>
}

t.test('all code runs, and what it has registered starts', async (t) => {
  t.teardown(() => {
    delete process.env.DATABASE_URL
    delete process.env.REDIS_URL
    delete process.env.INTROSPECTION_SECRET
  })
  process.env.INTROSPECTION_SECRET = 'a secret of the client'
  process.env.DATABASE_URL = await (await startPostgres(t)).createDatabase()
  process.env.REDIS_URL = (await startRedis(t)).url
  const { files, runnable } = await writeModules(t)
  const rounds = collectRounds()
  for (const [file, { page, line }] of files) rounds.add(await rejection(runs(runnable(file))), undefined, `${page}, line ${line}`)
  t.strictSame(rounds.seen, rounds.expected)
})

async function runs (file: string): Promise<void> {
  const { app, alternatives = [] }: Made = await import(pathToFileURL(file).href)
  await app?.ready()
  await app?.close()
  for (const alternative of alternatives) {
    const app = Fastify()
    await app.register(latchkey, { ...options, ...alternative })
    await app.ready()
    await app.close()
  }
}
