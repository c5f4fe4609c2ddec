import { OptionError } from '../../core/options.js'
import { codeOf, COMMANDS, reasonOf, run, type RedisClient } from './client.js'
import type { Log } from './log.js'
import { claimScript, markScript, resetScript } from './change-scripts.js'
import { takeScriptOf } from './take-script.js'

/** Two takes by a policy of a second, of which the second finds the key of the first. */
const CHECK = { script: takeScriptOf({ markerLifetime: 1_000_000, clockOfTakes: false }), args: ['0', '2 1 1 ', 'w-checking1000000 1000000 '] }

/**
 * Runs everything once that requests will run.
 * @throws OptionError when Redis refuses the account; anything else may pass, and is a line of the log
 */
export async function checkRights (client: RedisClient, namespace: string, log: Log): Promise<void> {
  const key = `${namespace}:{!check}`
  const wanted = () => true
  try {
    await run(client, CHECK.script, [key, key], CHECK.args, wanted)
    await run(client, resetScript, [key], ['1000'], wanted)
    await run(client, markScript, [key], ['1', '1000'], wanted)
    await run(client, resetScript, [key], ['1000'], wanted)
    await run(client, claimScript, [`${key}:claim`], ['', '1'], wanted)
  } catch (fault) {
    refuseAccount(fault, namespace)
    log.warn({ reason: reasonOf(fault) }, 'limits: Redis failed a check at boot')
  }
  await advise(client, log)
}

/** @throws OptionError */
export function refuseAccount (fault: unknown, namespace: string): void {
  const code = codeOf(fault)
  if (code === 'NOAUTH' || code === 'WRONGPASS') throw new OptionError(`option limits.store: Redis wants other credentials than these (${code}); give username and password of an account that may use the keys ${namespace}:*`)
  if (code === 'NOPERM') throw new OptionError(`option limits.store: the Redis account may not do what the store needs; grant it ${COMMANDS.map((name) => `+${name}`).join(' ')} on ~${namespace}:*`)
}

/** Counters that are evicted let their owners in again. */
async function advise (client: RedisClient, log: Log): Promise<void> {
  const memory = await client.info('memory').catch(() => '')
  const [, policy = 'noeviction'] = /^maxmemory_policy:(\S+)/m.exec(memory) ?? []
  if (policy !== 'noeviction') log.warn({ maxmemoryPolicy: policy }, 'limits: Redis may evict counters; set maxmemory-policy noeviction')
}
