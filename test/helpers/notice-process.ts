import { once } from 'node:events'
import { latchkey, defineScopes } from 'fastify-latchkey'
import { createPostgresKeyStore } from 'fastify-latchkey/keys/postgres'
import Fastify from 'fastify'

/** Emits notices of keys in the Postgres of KEYS_URL once its input says so. Writes a line for each event, and hangs after STALL of them.
 * With ISSUE it issues a key first, while its durable listener hangs. */
const store = createPostgresKeyStore({ connectionString: process.env.KEYS_URL, max: 4, statementTimeout: 20 })
const app = Fastify()
app.addHook('onClose', () => store.close())
await app.register(latchkey, {
  scopes: defineScopes({ resources: { devices: ['read'] } }),
  environment: 'production',
  keys: { prefix: 'acme', store, notices: { interval: 0.05, rotationAge: false } },
  clock: () => Date.UTC(2026, 0, 1) + Number(process.env.LATER ?? 0),
  deadline: 20
})
const line = (text: string) => new Promise<void>((resolve, reject) => process.stdout.write(`${text}\n`, (fault) => fault ? reject(fault) : resolve()))
await store.migrate()
await line('ready')
await once(process.stdin, 'data')
let left = Number(process.env.STALL ?? Infinity)
app.latchkey.events.onDurable(async (event) => {
  if (process.env.ISSUE !== undefined) await new Promise(() => {})
  await line(`${event.id} ${event.type} ${'key' in event.data ? event.data.key.id : ''}`)
  if (left-- <= 0) await new Promise(() => {})
})
await app.ready()
if (process.env.ISSUE !== undefined) await line(`- issued ${(await app.latchkey.keys.issue({ workspace: 'w1', scopes: [] })).key.id}`)
process.once('SIGTERM', () => app.close().then(() => process.exit(0)))
