import { OptionError } from '../../core/options.js'
import { codeOf, COMMANDS, reasonOf, run, type RedisClient } from './client.js'
import type { Log } from './log.js'
import { publishVersionScript, resetScript, type Script } from './scripts.js'

/** Two takes by a policy of a second, of which the second finds the key of the first, at any time. */
const TWO_TAKES = [String(Number.MAX_SAFE_INTEGER), '2 1 1 ', 'w-checking1000000 1000000 ']

export interface PermissionsCheckDeps {
  readonly client: RedisClient
  readonly takeScript: Script
  readonly namespace: string
  readonly log: Log
}

/**
 * Runs everything once that requests will run, so that Redis knows the scripts too.
 * @throws OptionError when Redis refuses the account; any other failure may pass, and is a line of the log
 */
export async function checkPermissions ({ client, takeScript, namespace, log }: PermissionsCheckDeps): Promise<void> {
  const key = `${namespace}:{!check}`
  try {
    await run(client, takeScript, [key, key], TWO_TAKES)
    await run(client, resetScript, [key], ['1000'])
    await run(client, publishVersionScript, [key], ['1', '1000'])
    await run(client, resetScript, [key], ['1000'])
  } catch (error) {
    throwIfRefused(error, namespace)
    log.warn({ reason: reasonOf(error) }, 'limits: Redis failed a check at boot')
  }
  await checkEviction(client, log)
}

/** @throws OptionError where Redis refuses the credentials, or what the account may do */
export function throwIfRefused (error: unknown, namespace: string): void {
  const code = codeOf(error)
  if (code === 'NOAUTH' || code === 'WRONGPASS') {
    throw new OptionError(`option limits.store: Redis wants other credentials than these (${code}); ` +
      `give username and password of an account that may use the keys ${namespace}:*`)
  }
  if (code === 'NOPERM') {
    throw new OptionError('option limits.store: the Redis account may not do what the store needs; ' +
      `grant it ${COMMANDS.map((name) => `+${name}`).join(' ')} on ~${namespace}:*`)
  }
}

/** A counter that is evicted admits its caller again. */
async function checkEviction (client: RedisClient, log: Log): Promise<void> {
  const memory = await client.info('memory').catch(() => '')
  const [, policy = 'noeviction'] = /^maxmemory_policy:(\S+)/m.exec(memory) ?? []
  if (policy === 'noeviction') return
  log.warn({ maxmemoryPolicy: policy }, 'limits: Redis may evict counters; set maxmemory-policy noeviction')
}
