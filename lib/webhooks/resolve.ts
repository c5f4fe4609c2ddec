import { lookup, Resolver } from 'node:dns/promises'

/** Finds the IP addresses of a host name. Rejects where it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>

const TRY_TIMEOUT_MS = 2000

/**
 * Asks name servers instead of the system's resolver, which blocks one of four threads of the process while a name is
 * slow, and knows names that only exist on this machine.
 * @param servers those of the system by default
 */
export function createResolve (servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: TRY_TIMEOUT_MS, tries: 2 })
  if (servers !== undefined) resolver.setServers(servers)
  return async function resolve (name) {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap((answer) => answer.status === 'fulfilled' ? answer.value : [])
    if (addresses.length === 0) throw new Error('the name has no address, or no name server answers')
    return addresses
  }
}

/** Asks the system's resolver, which also knows the names of this machine: for local development. */
export const resolveLocally: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)
