import { lookup, Resolver } from 'node:dns/promises'

/** Addresses of a name. Rejects where it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** Milliseconds of one try. */
const TIMEOUT = 2000

/**
 * Asks name servers, not the system's resolver: of that a slow name keeps one of four threads of the process busy, and
 * so other endpoints, and it knows names that are nobody else's.
 * @param servers those of the system by default
 */
export function createResolve (servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: TIMEOUT, tries: 2 })
  if (servers !== undefined) resolver.setServers(servers)
  return async function resolve (name) {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap((answer) => answer.status === 'fulfilled' ? answer.value : [])
    if (addresses.length === 0) throw new Error('the name has no address, or nobody says so')
    return addresses
  }
}

/** What this machine knows, names of its own included. */
export const resolveHere: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)
