import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyStore, LimitStore } from 'fastify-latchkey'
import { createMemoryKeyStore, hashSecret } from 'fastify-latchkey/keys'
import { createPgliteKeyStore, createPostgresKeyStore, FolderInUseError } from 'fastify-latchkey/keys/postgres'
import { createRedisLimitStore } from 'fastify-latchkey/limits/redis'
import { createMemoryUsageStore, type UsageStore } from 'fastify-latchkey/usage'
import { createPostgresUsageStore } from 'fastify-latchkey/usage/postgres'
import { createMemoryWebhookStore, type WebhookStore } from 'fastify-latchkey/webhooks'
import { createPostgresWebhookStore } from 'fastify-latchkey/webhooks/postgres'

/** What of an example outlives it. */
export interface Storage {
  readonly keys: KeyStore
  /** Counters that processes share; in memory without them. */
  readonly limits?: LimitStore
  readonly usage: UsageStore
  readonly webhooks: WebhookStore
  /** The text of a demo key of an earlier run that is still good. A host of yours keeps no texts; a demo may. */
  recall (name: string): Promise<string | undefined>
  /** Keeps the texts of the demo keys for the next run. */
  remember (texts: Readonly<Record<string, string>>): void
  close (): Promise<void>
}

const inMemory: Storage = {
  keys: createMemoryKeyStore(),
  usage: createMemoryUsageStore(),
  webhooks: createMemoryWebhookStore(),
  recall: async () => undefined,
  remember () {},
  close: async () => {}
}

/**
 * Keys in the Postgres of DATABASE_URL, else in an embedded one in the folder LATCHKEY_DATA (`.latchkey` by default);
 * counts of requests and webhooks in that Postgres, and counters of limits in the Redis of REDIS_URL, else in memory.
 */
export async function openStorage ({ DATABASE_URL, REDIS_URL, LATCHKEY_DATA = '.latchkey' }: NodeJS.ProcessEnv): Promise<Storage> {
  mkdirSync(LATCHKEY_DATA, { recursive: true, mode: 0o700 })
  const keys = DATABASE_URL === undefined ? createPgliteKeyStore({ dataDir: join(LATCHKEY_DATA, 'keys') }) : createPostgresKeyStore({ connectionString: DATABASE_URL })
  try {
    await keys.migrate()
  } catch (fault) {
    if (!(fault instanceof FolderInUseError)) throw fault
    console.error(`another process keeps its keys in ${LATCHKEY_DATA}: those of this one are in memory. LATCHKEY_DATA=<folder> names another folder`)
    return inMemory
  }
  const usage = DATABASE_URL === undefined ? undefined : createPostgresUsageStore({ connectionString: DATABASE_URL })
  const webhooks = DATABASE_URL === undefined ? undefined : createPostgresWebhookStore({ connectionString: DATABASE_URL })
  const limits = REDIS_URL === undefined ? undefined : createRedisLimitStore({ url: REDIS_URL })
  const file = join(LATCHKEY_DATA, 'demo-keys.json')
  const texts = readTexts(file)

  return {
    keys,
    usage: usage ?? createMemoryUsageStore(),
    webhooks: webhooks ?? createMemoryWebhookStore(),
    ...limits !== undefined && { limits },
    async recall (name) {
      const text = texts.get(name)
      const found = text === undefined ? undefined : await keys.findByHash(hashSecret(text))
      return found !== undefined && Date.now() < found.goodUntil ? text : undefined
    },
    remember (texts) { writeFileSync(file, JSON.stringify(texts), { mode: 0o600 }) },
    async close () {
      limits?.close()
      await usage?.close()
      await webhooks?.close()
      await keys.close()
    }
  }
}

function readTexts (file: string): ReadonlyMap<string, string> {
  try {
    const texts: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'))
    return new Map(Object.entries(texts))
  } catch {
    return new Map()
  }
}
